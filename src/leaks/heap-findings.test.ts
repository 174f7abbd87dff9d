import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type HeapSnapshot, RetainingPaths, readSnapshot } from '../heap/index.js';
import { findHeapGrowth, type HeapFinding } from './heap-findings.js';
import { CohortLedger } from './ledger.js';

/** A real program: each of its structures grows, or only looks as if, for `windows` windows of 500 iterations. */
const program = (windows: number) => `
import { writeHeapSnapshot } from 'node:v8';
class Receipt { constructor(n) { this.n = n; } }
class Link { constructor(n) { this.n = n; } }
class Ringed { constructor(n) { this.n = n; } }
class Passing { constructor(n) { this.n = n; } }
class Listed { constructor(n) { this.n = n; } }
const receipts = new Map();
const ring = new Array(700);
const byName = {};
const listed = [];
let passing = [];
let text = '';
const chain = { head: null, tail: null };
function link(n) {
  const one = new Link(n);
  one.previous = chain.tail;
  if (chain.tail) chain.tail.next = one;
  else chain.head = one;
  chain.tail = one;
}
for (let n = 0; n <= ${windows} * 500 + 1000; n++) {
  if (n >= 1000 && (n - 1000) % 500 === 0) writeHeapSnapshot(process.argv[2] + '/' + (n - 1000) / 500 + '.heapsnapshot');
  receipts.set('receipt-' + n, new Receipt(n));
  ring[n % 700] = new Ringed(n);
  byName['name-' + n] = { n };
  if (n % 5 === 0) listed.push(new Listed(n));
  passing.push(new Passing(n));
  if (n % 100 === 0) passing = [];
  link(n);
  text += 'x'.repeat(40) + n;
}
`;
const WINDOWS = 5;

let folder = '';
let findings: HeapFinding[] = [];
let snapshot: HeapSnapshot;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'heap-findings-'));
  const file = join(folder, 'program.mjs');
  writeFileSync(file, program(WINDOWS));
  execFileSync(process.execPath, [file, folder]);
  const ledger = new CohortLedger();
  for (let k = 0; k <= WINDOWS; k++) {
    snapshot = await readSnapshot(join(folder, `${k}.heapsnapshot`));
    const paths = new RetainingPaths(snapshot);
    const signatures = ledger.add(snapshot, paths, 1000 + k * 500);
    if (k === WINDOWS) findings = findHeapGrowth(ledger, snapshot, paths, signatures);
  }
}, 60_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const leakOf = (className: string) =>
  findings.find((finding) => finding.growth.verdict === 'leak' && finding.className === className);

describe('findHeapGrowth() on a real program', () => {
  test('finds the values of a map, one each iteration, with their bytes', () => {
    const leak = leakOf('Receipt');
    expect(leak?.growth.perIteration).toBeGreaterThanOrEqual(1);
    expect(snapshot.className(leak!.container)).toBe('Map');
    expect(leak!.bytesPerIteration).toBeGreaterThan(16);
  });

  test('finds a list linked both ways as one structure, one link each iteration', () => {
    expect(leakOf('Link')?.growth.perIteration).toBeCloseTo(1, 2);
    expect(findings.filter(({ className }) => className === 'Link')).toHaveLength(1);
  });

  test('finds one in five in an array', () => {
    expect(leakOf('Listed')?.growth).toMatchObject({ verdict: 'leak', perIteration: 0.2, ci: [0.2, 0.2] });
  });

  test('finds the values of an object that is used as a dictionary', () => {
    const leak = findings.find(
      ({ growth, className, member }) =>
        growth.verdict === 'leak' && className === 'Object' && snapshot.child(member, 'n') >= -1,
    );
    expect(leak?.growth.perIteration).toBeCloseTo(1, 2);
  });

  test('finds a text that grows', () => {
    expect(findings.some(({ className, growth }) => className === 'string' && growth.verdict === 'leak')).toBe(true);
  });

  test('says nothing of a full ring, though every member of the windows is alive', () => {
    expect(findings.filter(({ className }) => className === 'Ringed')).toEqual([]);
  });

  test('says nothing of a queue that is emptied', () => {
    expect(findings.filter(({ className, growth }) => className === 'Passing' && growth.verdict === 'leak')).toEqual(
      [],
    );
  });
});
