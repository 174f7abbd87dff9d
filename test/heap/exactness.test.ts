import { describe, expect, it } from 'vitest';
import { handMade } from '../../src/heap/hand-made.fixture.js';
import { chromiumBinary, snapshotOfPage } from './chromium-snapshot.js';
import { compareClassTables, compareWithDevTools } from './devtools-worker.js';
import { nodeBinaries, snapshotBy } from './node-lines.js';
import { PAGE, PROGRAMS } from './programs.js';
import { randomHeap } from './random-heap.js';

const RANDOM_HEAPS = 600;
const OPTIONS = ['{ exposeInternals: true }', '{ exposeNumericValues: true }'];
const CHROMIUM = chromiumBinary();

describe.each(nodeBinaries())('HeapGraph on snapshots of Node %s', (_, binary) => {
  it.each(Object.entries(PROGRAMS))('agrees with Chrome DevTools on every node: %s', async (_name, program) => {
    const { nodes, distances, emptied, differences } = await compareWithDevTools(snapshotBy(binary, program, '{}'));
    expect(differences).toEqual([]);
    expect(nodes).toBeGreaterThan(40_000);
    expect(distances.user).toBeGreaterThan(20_000);
    expect(distances.system).toBeGreaterThan(1000);
    expect(emptied).toBeGreaterThan(1000);
  });

  it.each(Object.entries(PROGRAMS))('has the class table of Chrome DevTools: %s', async (_name, program) => {
    const { classes, differences } = await compareClassTables(snapshotBy(binary, program, '{}'));
    expect(differences).toEqual([]);
    expect(classes).toBeGreaterThan(100);
  });

  it.each(OPTIONS)('agrees with Chrome DevTools on every node, taken with %s', async (options) => {
    const bytes = snapshotBy(binary, PROGRAMS['classes and collections']!, options);
    expect((await compareWithDevTools(bytes)).differences).toEqual([]);
  });
});

describe.skipIf(CHROMIUM === null)('HeapGraph on a snapshot of Chromium', () => {
  it('agrees with Chrome DevTools on every node', async () => {
    const { nodes, differences } = await compareWithDevTools(await snapshotOfPage(CHROMIUM!, PAGE));
    expect(differences).toEqual([]);
    expect(nodes).toBeGreaterThan(20_000);
  });

  it('has the class table of Chrome DevTools, detached elements too', async () => {
    const { classes, differences } = await compareClassTables(await snapshotOfPage(CHROMIUM!, PAGE));
    expect(differences).toEqual([]);
    expect(classes).toBeGreaterThan(300);
  });
});

describe('HeapGraph on random heaps', () => {
  it('agrees with Chrome DevTools on every node', async () => {
    const sums = { user: 0, system: 0, none: 0, emptied: 0 };
    for (let seed = 1; seed <= RANDOM_HEAPS; seed++) {
      const { distances, emptied, differences } = await compareWithDevTools(Buffer.from(handMade(randomHeap(seed))));
      expect(differences, `seed ${seed}`).toEqual([]);
      sums.user += distances.user;
      sums.system += distances.system;
      sums.none += distances.none;
      sums.emptied += emptied;
    }
    for (const sum of Object.values(sums)) expect(sum).toBeGreaterThan(RANDOM_HEAPS / 10);
  });
});
