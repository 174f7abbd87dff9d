import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HeapSnapshot } from './heap-snapshot.js';
import { describePath } from './path-text.js';
import { RetainingPaths } from './retaining-paths.js';

/** Node that runs the programs: `WATERTIGHT_TEST_NODE`, else the one that runs the tests. */
const NODE = process.env.WATERTIGHT_TEST_NODE ?? process.execPath;

/**
 * Runs a small program in its own Node and gives the bytes of a snapshot that it takes of itself.
 * The program reads `takeSnapshot()` from the global scope; `file` decides between ESM and CommonJS.
 */
export function snapshotOf(program: string, file = 'program.mjs', options = '{}'): Buffer {
  const dir = mkdtempSync(join(tmpdir(), 'watertight-heap-'));
  try {
    const target = join(dir, 'out.heapsnapshot');
    const prelude = `globalThis.takeSnapshot = () => process.getBuiltinModule('v8').writeHeapSnapshot(${JSON.stringify(target)}, ${options});`;
    writeFileSync(join(dir, 'prelude.cjs'), prelude);
    writeFileSync(join(dir, file), program);
    execFileSync(NODE, ['--require', join(dir, 'prelude.cjs'), join(dir, file)], { cwd: dir, timeout: 300_000 });
    return readFileSync(target);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Texts of the paths to all nodes of a class, each once, in the order of the nodes. */
export function pathTexts(snapshot: HeapSnapshot, className: string): string[] {
  const paths = new RetainingPaths(snapshot);
  const texts = new Set<string>();
  for (const node of nodesOf(snapshot, className)) texts.add(describePath(snapshot, paths.path(node)).text);
  return [...texts];
}

/** Indexes of the nodes of a class. */
export function nodesOf(snapshot: HeapSnapshot, className: string): number[] {
  const nodes: number[] = [];
  for (let node = 0; node < snapshot.nodeCount; node++) {
    if (snapshot.nodeType(node) !== 'string' && snapshot.className(node) === className) nodes.push(node);
  }
  return nodes;
}
