import { describe, expect, test } from 'vitest';
import { seededRandom, WatertightError } from '../../src/core/index.js';
import { handMade } from '../../src/heap/hand-made.fixture.js';
import { HeapGraph } from '../../src/heap/heap-graph.js';
import { classCensus, describePath, RetainingPaths, readSnapshot } from '../../src/heap/index.js';

/** As many here as take some seconds; `WATERTIGHT_MUTATIONS=100000` in the stress run. */
const MUTATIONS = Number(process.env.WATERTIGHT_MUTATIONS ?? 4_000);
const MB = 2 ** 20;

const NAMES = ['Session', 'Map', 'kept', 'system / Context', '(GC roots)', 'a "quoted"\nname', 'x'.repeat(400)];

/** Sixty nodes, each held by an earlier one, with edges of all kinds beside. */
function someSnapshot(random: () => number): string {
  const below = (n: number): number => Math.floor(random() * n);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
  const edges = Array.from({ length: 60 }, (): [string | number, number, ('weak' | 'internal' | 'context')?][] => []);
  for (let to = 1; to < 60; to++) {
    edges[below(to)]!.push([random() < 0.5 ? below(9) : pick(NAMES), to]);
    edges[below(60)]!.push([pick(NAMES), below(60), pick(['weak', 'internal', 'context'] as const)]);
  }
  return handMade(
    edges.map((list, i) => ({
      type: i < 2 ? 'synthetic' : pick(['object', 'closure', 'array', 'string', 'native', 'hidden'] as const),
      name: pick(NAMES),
      size: below(1_000) * (random() < 0.05 ? 2 ** 31 : 1),
      edges: list,
    })),
  );
}

/** All that can be asked of a snapshot; nothing of it may hang or throw anything but a WT_HEAP error. */
async function askEverything(bytes: Uint8Array): Promise<'answered' | 'refused'> {
  try {
    const snapshot = await readSnapshot(bytes);
    const graph = new HeapGraph(snapshot);
    const paths = new RetainingPaths(snapshot);
    classCensus(snapshot);
    expect(graph.retainedSizes.length).toBe(snapshot.nodeCount);
    expect(graph.distances.length).toBe(snapshot.nodeCount);
    for (let node = 0; node < snapshot.nodeCount; node += 7) {
      describePath(snapshot, paths.path(node));
      snapshot.location(node);
      snapshot.stringValue(node, 100);
    }
    return 'answered';
  } catch (error) {
    if (!(error instanceof WatertightError)) throw error;
    const { code, details, message } = error;
    expect(code).toMatch(/^WT_HEAP_(NOT_A_SNAPSHOT|TRUNCATED|CORRUPT)$/);
    expect(details).toMatchObject({ section: expect.any(String), byteOffset: expect.any(Number) });
    expect(message.length).toBeLessThan(400);
    return 'refused';
  }
}

describe('a file that was cut', () => {
  test('is refused wherever that happened', async () => {
    const text = someSnapshot(seededRandom(1));
    const bytes = Buffer.from(text);
    expect(await askEverything(bytes)).toBe('answered');
    for (let end = 0; end < bytes.length; end += end < 1_500 ? 1 : 7) {
      expect(await askEverything(bytes.subarray(0, end))).toBe('refused');
    }
  });
});

describe('a file that was changed', () => {
  test(`gives an error with its place, or an answer, ${MUTATIONS} times`, async () => {
    const random = seededRandom(2);
    const below = (n: number): number => Math.floor(random() * n);
    const outcomes = { answered: 0, refused: 0 };
    let original = Buffer.from(someSnapshot(random));
    for (let i = 0; i < MUTATIONS; i++) {
      if (i % 50 === 49) original = Buffer.from(someSnapshot(random));
      outcomes[await askEverything(changed(original, below, random))]++;
    }
    expect(outcomes.answered).toBeGreaterThan(MUTATIONS / 50);
    expect(outcomes.refused).toBeGreaterThan(MUTATIONS / 50);
  });

  test('takes no memory for counts that lie', async () => {
    const text = someSnapshot(seededRandom(3));
    const before = process.memoryUsage().rss;
    for (const count of [2 ** 32 - 2, 2 ** 31, 1e9, 1e7]) {
      for (const key of ['node_count', 'edge_count']) {
        const lie = text.replace(new RegExp(`"${key}":\\d+`), `"${key}":${count}`);
        expect(await askEverything(Buffer.from(lie))).toBe('refused');
      }
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * MB);
  });
});

const DIGITS = '0123456789';
const STRUCTURE = '[]{},:"\\\n -.eEn\0\u00ff';

/** One to four changes: another byte, bytes out, bytes twice, another number, bytes of another place. */
function changed(original: Buffer, below: (n: number) => number, random: () => number): Buffer {
  let bytes = Buffer.from(original);
  for (let changes = 1 + below(4); changes > 0; changes--) {
    const at = below(bytes.length);
    const length = 1 + below(12);
    const kind = random();
    if (kind < 0.3) bytes[at] = DIGITS.charCodeAt(below(10));
    else if (kind < 0.5) bytes[at] = STRUCTURE.charCodeAt(below(STRUCTURE.length));
    else if (kind < 0.6) bytes[at] = below(256);
    else if (kind < 0.75) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
    else if (kind < 0.9) bytes = Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)]);
    else bytes.copy(bytes, at, below(bytes.length), bytes.length);
  }
  return bytes;
}
