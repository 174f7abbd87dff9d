import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';

/** Lines of Node that `npm run test:matrix` brings into .cache. */
const LINES = ['20', '22', '24', '26'];

/**
 * The Nodes that take snapshots, each line once: the one that runs the tests (`WATERTIGHT_TEST_NODE` in its place),
 * those listed in `WATERTIGHT_TEST_NODES` as PATH lists folders, and those in .cache.
 */
export function nodeBinaries(): [version: string, binary: string][] {
  const listed = (process.env.WATERTIGHT_TEST_NODES ?? '').split(delimiter);
  const cached = LINES.flatMap((line) => {
    const folder = resolve('.cache', `node${line}`, 'node_modules');
    return [join(folder, 'node/bin/node'), join(folder, `node-${process.platform}-${process.arch}/bin/node`)];
  });
  const lines = new Map<string, [string, string]>();
  for (const binary of [process.env.WATERTIGHT_TEST_NODE ?? process.execPath, ...listed, ...cached]) {
    if (binary === '' || !existsSync(binary)) continue;
    const version = execFileSync(binary, ['--version'], { encoding: 'utf8' }).trim();
    const line = version.split('.')[0]!;
    if (!lines.has(line)) lines.set(line, [version, binary]);
  }
  return [...lines.values()];
}

/** Bytes of a snapshot that a CommonJS program takes of itself by `takeSnapshot()`. */
export function snapshotBy(binary: string, program: string, options: string): Buffer {
  const dir = mkdtempSync(join(tmpdir(), 'watertight-exactness-'));
  try {
    const target = join(dir, 'out.heapsnapshot');
    const prelude = `globalThis.takeSnapshot = () => require('node:v8').writeHeapSnapshot(${JSON.stringify(target)}, ${options});`;
    writeFileSync(join(dir, 'program.cjs'), `${prelude}\n${program}`);
    execFileSync(binary, [join(dir, 'program.cjs')], { cwd: dir, timeout: 60_000 });
    return readFileSync(target);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
