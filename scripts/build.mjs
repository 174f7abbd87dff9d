// Compiles src into dist when a source is newer than the last build; about 3 s, or 0.1 s when nothing changed.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const stamp = join(dist, '.built');

const newest = (folder) =>
  readdirSync(folder, { withFileTypes: true }).reduce((time, entry) => {
    const path = join(folder, entry.name);
    return Math.max(time, entry.isDirectory() ? newest(path) : statSync(path).mtimeMs);
  }, 0);

const sources = Math.max(
  newest(join(root, 'src')),
  ...['tsconfig.json', 'tsconfig.build.json', 'package.json'].map((file) => statSync(join(root, file)).mtimeMs),
);
const wasm = compileWebAssembly();
if (!existsSync(stamp) || statSync(stamp).mtimeMs < sources) {
  // Built beside the old one and put in its place whole: a program that runs from dist never finds half of it.
  const fresh = join(root, `dist.${process.pid}`);
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', fresh], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) {
    rmSync(fresh, { recursive: true, force: true });
    process.exit(status ?? 1);
  }
  await bundleHeap(join(fresh, 'heap'));
  mkdirSync(join(fresh, 'heap', 'wasm'), { recursive: true });
  for (const file of wasm) copyFileSync(file, join(fresh, 'heap', 'wasm', basename(file)));
  chmodSync(join(fresh, 'cli', 'main.js'), 0o755);
  writeFileSync(join(fresh, '.built'), '');
  rmSync(dist, { recursive: true, force: true });
  renameSync(fresh, dist);
}

/** One file in place of fifty, which would take 25 ms more to load; the other rooms import this one by its door alone. */
async function bundleHeap(folder) {
  const door = join(folder, 'index.js');
  const core = { path: '../core/index.js', external: true };
  await build({
    entryPoints: [door],
    outfile: door,
    allowOverwrite: true,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: true,
    logLevel: 'error',
    plugins: [{ name: 'core', setup: ({ onResolve }) => onResolve({ filter: /\/core\/index\.js$/ }, () => core) }],
  });
  for (const file of readdirSync(folder, { recursive: true })) {
    if (/\.js(\.map)?$/.test(file) && !/^index\.js(\.map)?$/.test(file)) rmSync(join(folder, file));
  }
}

/** The WebAssembly parts lie beside their sources, where the unit tests find them too; some 2 s when one has changed. */
function compileWebAssembly() {
  const folder = join(root, 'src', 'heap', 'wasm');
  const asc = join(root, 'node_modules', 'assemblyscript', 'bin', 'asc.js');
  // Pages of memory: the scanner's are fixed, those of the others follow from the snapshot.
  return [
    ['scanner', 28, 28],
    ['graph', 1, 65_536],
    ['strings', 6, 65_536],
  ].map(([name, initial, maximum]) => {
    const source = join(folder, `${name}.as.ts`);
    const target = join(folder, `${name}.wasm`);
    const changed = Math.max(statSync(source).mtimeMs, statSync(fileURLToPath(import.meta.url)).mtimeMs);
    if (existsSync(target) && statSync(target).mtimeMs >= changed) return target;
    const memory = ['--importMemory', '--initialMemory', `${initial}`, '--maximumMemory', `${maximum}`];
    const options = ['--runtime', 'stub', '-O3', '--noAssert', '--enable', 'simd', ...memory];
    // Written aside: a test that runs meanwhile reads the old one or the new one, never half.
    const fresh = `${target}.${process.pid}`;
    const { status } = spawnSync(process.execPath, [asc, source, ...options, '--outFile', fresh], {
      cwd: root,
      stdio: 'inherit',
    });
    if (status !== 0) process.exit(status ?? 1);
    renameSync(fresh, target);
    return target;
  });
}
