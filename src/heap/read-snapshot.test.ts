import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { classCensus } from './census.js';
import type { HeapSnapshot } from './heap-snapshot.js';
import { EDGE_TYPES, NODE_TYPES } from './meta.js';
import { nodesOf, snapshotOf } from './program-snapshot.fixture.js';
import { readSnapshot } from './read-snapshot.js';

const PROGRAM = `
class Declared { constructor() { this.small = 41; this.big = 1.5; } }
class Plain {}
globalThis.kept = [new Declared(), new Plain(), Buffer.alloc(3_000_000), function named() {}, () => {}];
globalThis.joined = 'left-'.repeat(4) + process.pid;
globalThis.text = 'a "quoted" line\\n\\u20ac \\\\';
takeSnapshot();
`;

const bytesOf = ({ buffer, byteOffset, byteLength }: NodeJS.TypedArray) => Buffer.from(buffer, byteOffset, byteLength);

/** A snapshot of two nodes, whose fields stand in an unusual order. */
function tinySnapshot(overrides: Record<string, unknown> = {}): string {
  return JSON.stringify({
    snapshot: {
      meta: {
        node_fields: ['id', 'edge_count', 'self_size', 'name', 'type'],
        node_types: ['number', 'number', 'number', 'string', ['object', 'synthetic', 'from the future']],
        edge_fields: ['to_node', 'type', 'name_or_index'],
        edge_types: ['node', ['property', 'element'], 'string_or_number'],
        location_fields: ['object_index', 'script_id', 'line', 'column'],
      },
      node_count: 2,
      edge_count: 1,
    },
    nodes: [1, 1, 0, 0, 1, 3, 0, 5_000_000_000, 1, 0],
    edges: [5, 0, 2],
    trace_tree: [1, [2, ['] "}']]],
    samples: [],
    locations: [5, 1, -1, 0],
    strings: ['', 'Big', 'held "by"'],
    ...overrides,
  });
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => ({ code: 'none' }),
    (failure: { code: string }) => failure,
  );
  return error.code;
}

describe('readSnapshot()', () => {
  let bytes: Buffer;
  let snapshot: HeapSnapshot;
  let oracle: { nodes: number[]; edges: number[]; strings: string[]; snapshot: { meta: Record<string, never[]> } };
  beforeAll(async () => {
    bytes = snapshotOf(PROGRAM, 'program.cjs', '{ exposeNumericValues: true }');
    snapshot = await readSnapshot(bytes);
    oracle = JSON.parse(bytes.toString('latin1'));
  });

  it('gives the same columns as JSON.parse, record by record', () => {
    const { meta } = oracle.snapshot;
    const fields: string[] = meta.node_fields!;
    const types = meta.node_types![0] as unknown as string[];
    const edgeTypes = meta.edge_types![0] as unknown as string[];
    const at = (field: string) => fields.indexOf(field);
    let differences = 0;
    for (let node = 0; node < snapshot.nodeCount; node++) {
      const record = oracle.nodes.slice(node * fields.length, (node + 1) * fields.length);
      if (NODE_TYPES[snapshot.nodeTypes[node]!] !== types[record[at('type')]!]) differences++;
      if (snapshot.nodeNames[node] !== record[at('name')]) differences++;
      if (snapshot.nodeIds[node] !== record[at('id')]) differences++;
      if (snapshot.selfSizes[node] !== record[at('self_size')]) differences++;
      if (snapshot.firstEdges[node + 1]! - snapshot.firstEdges[node]! !== record[at('edge_count')]) differences++;
    }
    for (let edge = 0; edge < snapshot.edgeCount; edge++) {
      if (EDGE_TYPES[snapshot.edgeTypes[edge]!] !== edgeTypes[oracle.edges[edge * 3]!]) differences++;
      if (snapshot.edgeNames[edge] !== oracle.edges[edge * 3 + 1]) differences++;
      if (snapshot.edgeTargets[edge]! * fields.length !== oracle.edges[edge * 3 + 2]) differences++;
    }
    oracle.strings.forEach((text, index) => {
      if (snapshot.strings.get(index) !== text) differences++;
    });
    expect([snapshot.nodeCount * fields.length, snapshot.edgeCount * 3]).toEqual([
      oracle.nodes.length,
      oracle.edges.length,
    ]);
    expect(snapshot.strings.length).toBe(oracle.strings.length);
    expect(differences).toBe(0);
  });

  it('reads a path and a stream of small pieces alike', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'watertight-heap-'));
    try {
      const path = join(dir, 'a.heapsnapshot');
      writeFileSync(path, bytes);
      const fromPath = await readSnapshot(path);
      const fromStream = await readSnapshot(createReadStream(path, { highWaterMark: 97 }));
      for (const other of [fromPath, fromStream]) {
        for (const column of ['firstEdges', 'edgeTypes', 'edgeTargets', 'edgeNames', 'nodeIds'] as const) {
          expect(Buffer.compare(bytesOf(other[column]), bytesOf(snapshot[column])), column).toBe(0);
        }
        expect(other.strings.get(other.strings.length - 1)).toBe(oracle.strings.at(-1));
      }
      expect(await codeOf(readSnapshot(dir))).toBe('WT_HEAP_NOT_A_SNAPSHOT');
      expect(await codeOf(readSnapshot(join(dir, 'absent')))).toBe('ENOENT');
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  it('counts classes without edges as with them, and only what was born after an id', async () => {
    const census = classCensus(await readSnapshot(bytes, { edges: false }));
    expect(census).toEqual(classCensus(snapshot));
    expect(census.get('Declared')?.count).toBe(1);
    const total = [...census.values()].reduce((sum, { bytes }) => sum + bytes, 0);
    expect(total).toBe(Array.from(snapshot.selfSizes).reduce((sum, size) => sum + size, 0));
    expect(census.get('system / JSArrayBufferData')!.bytes).toBeGreaterThanOrEqual(3_000_000);
    const [declared] = nodesOf(snapshot, 'Declared');
    expect(classCensus(snapshot, snapshot.nodeIds[declared!]!).has('Declared')).toBe(false);
    expect(classCensus(snapshot, snapshot.nodeIds[declared!]! - 1).get('Declared')?.count).toBe(1);
  });

  it('finds the declaration of a closure and of the class of an object', () => {
    const place = (name: string) => snapshot.location(nodesOf(snapshot, name).at(-1)!);
    expect(place('named()')).toMatchObject({ file: expect.stringMatching(/^\/.*program\.cjs$/), line: 4 });
    const objects = nodesOf(snapshot, 'Declared').map((node) => snapshot.location(node)?.line);
    expect(objects).toEqual([2]);
    expect(snapshot.location(snapshot.rootIndex)).toBeNull();
  });

  it('gives the values of numbers and the text of joined strings', () => {
    const [declared] = nodesOf(snapshot, 'Declared');
    expect(snapshot.numericValue(snapshot.child(declared!, 'small'))).toBe(41);
    expect(snapshot.numericValue(snapshot.child(declared!, 'big'))).toBe(1.5);
    expect(snapshot.numericValue(declared!)).toBeNull();
    const holder = nodesOf(snapshot, 'Array').find((node) => snapshot.child(node, '0') === declared);
    expect(holder).toBeDefined();
    const owners = Array.from({ length: snapshot.nodeCount }, (_, node) => node);
    const joined = owners.map((node) => snapshot.child(node, 'joined')).find((node) => node >= 0);
    expect(snapshot.stringValue(joined!, 100)).toMatch(/^(left-){4}\d+$/);
    expect(snapshot.stringValue(joined!, 7)).toBe('left-le');
  });

  it('finds the index of a string, escapes included', () => {
    const text = 'a "quoted" line\n\u20ac \\';
    expect(snapshot.strings.get(snapshot.strings.indexOf(text))).toBe(text);
    expect(snapshot.strings.indexOf('Declared')).toBe(oracle.strings.indexOf('Declared'));
    expect(snapshot.strings.indexOf('no such text anywhere')).toBe(-1);
  });
});

describe('readSnapshot() on made files', () => {
  it('goes by the names of fields, keeps sizes above 4 GiB and skips what it does not use', async () => {
    const snapshot = await readSnapshot(Buffer.from(tinySnapshot()));
    expect(snapshot.selfSizes[1]).toBe(5_000_000_000);
    expect([snapshot.nodeType(0), snapshot.className(1), snapshot.edgeName(0)]).toEqual([
      'synthetic',
      'Big',
      'held "by"',
    ]);
    expect(snapshot.child(0, 'held "by"')).toBe(1);
  });

  it('refuses every truncation with a code, and never returns half a snapshot', async () => {
    const whole = Buffer.from(tinySnapshot());
    const codes = new Set<string>();
    for (let length = 0; length < whole.length; length++)
      codes.add(await codeOf(readSnapshot(whole.subarray(0, length))));
    expect([...codes].sort()).toEqual(['WT_HEAP_NOT_A_SNAPSHOT', 'WT_HEAP_TRUNCATED']);
  });

  it.each([
    ['nothing', '', 'WT_HEAP_NOT_A_SNAPSHOT'],
    ['an array', '[1,2,3]', 'WT_HEAP_NOT_A_SNAPSHOT'],
    ['other JSON', '{"name":"watertight"}', 'WT_HEAP_NOT_A_SNAPSHOT'],
    ['a header without meta', '{"snapshot":{"node_count":1}}', 'WT_HEAP_NOT_A_SNAPSHOT'],
    [
      'a header that is an array',
      tinySnapshot().replace('"snapshot":{', '"snapshot":[],"other":{'),
      'WT_HEAP_NOT_A_SNAPSHOT',
    ],
    [
      'a header that is a number',
      tinySnapshot().replace('"snapshot":{', '"snapshot":7,"other":{'),
      'WT_HEAP_NOT_A_SNAPSHOT',
    ],
    ['binary', '\u0000\u0001\u0002', 'WT_HEAP_NOT_A_SNAPSHOT'],
    ['too few nodes', tinySnapshot({ nodes: [1, 1, 0, 0, 1] }), 'WT_HEAP_CORRUPT'],
    ['half a node', tinySnapshot({ nodes: [1, 1, 0, 0, 1, 3] }), 'WT_HEAP_CORRUPT'],
    ['an edge to nowhere', tinySnapshot({ edges: [10, 0, 2] }), 'WT_HEAP_CORRUPT'],
    ['an edge into a record', tinySnapshot({ edges: [3, 0, 2] }), 'WT_HEAP_CORRUPT'],
    ['an edge of an unknown type', tinySnapshot({ edges: [5, 9, 2] }), 'WT_HEAP_CORRUPT'],
    ['too many edges', tinySnapshot({ edges: [5, 0, 2, 5, 0, 2] }), 'WT_HEAP_CORRUPT'],
    ['a missing string', tinySnapshot({ strings: [''] }), 'WT_HEAP_CORRUPT'],
    ['text among numbers', tinySnapshot({ nodes: ['x'] }), 'WT_HEAP_CORRUPT'],
  ])('refuses %s', async (_, text, code) => {
    expect(await codeOf(readSnapshot(Buffer.from(text)))).toBe(code);
  });

  it('refuses a header that promises more than the file can hold, before it takes memory', async () => {
    const text = tinySnapshot().replace('"node_count":2', '"node_count":4000000000');
    expect(await codeOf(readSnapshot(Buffer.from(text)))).toBe('WT_HEAP_TRUNCATED');
  });

  it('tells how far it is, for a path, bytes and a stream', async () => {
    const text = tinySnapshot();
    const bytes = Buffer.from(text + ' '.repeat(3_500_000 - text.length));
    const path = join(mkdtempSync(join(tmpdir(), 'read-snapshot-')), 'one.heapsnapshot');
    writeFileSync(path, bytes);
    const told = async (source: Parameters<typeof readSnapshot>[0]) => {
      const calls: number[][] = [];
      await readSnapshot(source, { onProgress: (...call) => calls.push(call) });
      return calls;
    };
    const mb = 1 << 20;
    const expected = [mb, 2 * mb, 3 * mb, bytes.length];
    for (const source of [path, bytes]) expect(await told(source)).toEqual(expected.map((at) => [at, bytes.length]));
    async function* pieces() {
      for (let at = 0; at < bytes.length; at += mb / 2) yield bytes.subarray(at, at + mb / 2);
    }
    expect(await told(pieces())).toEqual(expected.map((at) => [at, Number.POSITIVE_INFINITY]));
    rmSync(dirname(path), { recursive: true });
  });

  it('says that memory ran out when a stream promises more than there is', async () => {
    async function* stream(header: string) {
      yield Buffer.from(header);
    }
    const nodes = tinySnapshot().replace('"node_count":2', '"node_count":4294967294');
    const edges = tinySnapshot().replace('"edge_count":1', '"edge_count":400000000');
    for (const header of [nodes, edges]) expect(await codeOf(readSnapshot(stream(header)))).toBe('WT_HEAP_TOO_LARGE');
  });

  it('takes no memory for what a stream only promises', async () => {
    // An id and a size that need doubles, and the name of a string that would be the last of four billion.
    const nodes = [5_000_000_000, 1, 5_000_000_000, 4_294_967_294, 0];
    const header = tinySnapshot({ nodes }).replace('"node_count":2', '"node_count":90000000');
    const before = process.memoryUsage.rss();
    async function* stream() {
      yield Buffer.from(header);
    }
    await expect(readSnapshot(stream())).rejects.toThrow(/only 1 of 90000000 nodes/);
    expect(process.memoryUsage.rss() - before).toBeLessThan(200_000_000);
  });

  it('gives strings of a section of many segments, also those that lie across two', async () => {
    const texts = Array.from({ length: 1_500 }, (_, n) => `${n} ${'x'.repeat(6_000 + (n % 700))}`);
    const { strings } = await readSnapshot(Buffer.from(tinySnapshot({ strings: ['', 'a', 'b', ...texts] })));
    const wrong = texts.findIndex(
      (text, n) => strings.get(n + 3) !== text || strings.byteAt(n + 3, text.length - 1) !== 0x78,
    );
    expect(wrong).toBe(-1);
    expect(strings.indexOf(texts[1_234]!)).toBe(1_237);
  });

  it('names section and byte in the message', async () => {
    await expect(readSnapshot(Buffer.from(tinySnapshot({ nodes: ['x'] })))).rejects.toThrow(/section nodes, byte \d+/);
  });
});
