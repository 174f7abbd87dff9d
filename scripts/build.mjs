// Compiles src into dist when a source is newer than the last build; about 3 s, or 0.1 s when nothing changed.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, transform } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const stamp = join(dist, '.built');

/** The door of a room, as another room imports it. */
const OTHER_ROOM = /^\.\.\/(\w+)\/index\.js$/;

const newest = (folder) =>
  readdirSync(folder, { withFileTypes: true }).reduce((time, entry) => {
    const path = join(folder, entry.name);
    return Math.max(time, entry.isDirectory() ? newest(path) : statSync(path).mtimeMs);
  }, 0);

const sources = Math.max(
  newest(join(root, 'src')),
  ...['tsconfig.json', 'tsconfig.build.json', 'package.json', 'scripts/build.mjs'].map(
    (file) => statSync(join(root, file)).mtimeMs,
  ),
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
  await bundle(fresh, ['core', 'scope', 'tasks'], true);
  await bundle(fresh, ['heap'], false);
  // Constants of another file cost a load each time: 20 ns of the 130 of an allocation.
  await bundle(fresh, ['blocks'], false);
  mkdirSync(join(fresh, 'heap', 'wasm'), { recursive: true });
  for (const file of wasm) copyFileSync(file, join(fresh, 'heap', 'wasm', basename(file)));
  chmodSync(join(fresh, 'cli', 'main.js'), 0o755);
  writeFileSync(join(fresh, '.built'), '');
  rmSync(dist, { recursive: true, force: true });
  renameSync(fresh, dist);
}

/**
 * A few files in place of many: fifty small ones of the heap take 25 ms more to load, those of the root 20 ms. What doors
 * share lies in a file of its own, so that each class is there once and nobody loads what only others need. In two passes,
 * of which the first drops comments, which would stay in memory with the source, and the second puts the lines back.
 */
async function bundle(folder, rooms, isRoot) {
  // `tasks` is part of the root's own file, one less to load: its door leads there.
  const doors = isRoot ? ['core/index', 'scope/index', 'index'] : rooms.map((room) => `${room}/index`);
  const { outputFiles } = await build({
    entryPoints: Object.fromEntries(doors.map((door) => [door, join(folder, `${door}.js`)])),
    outdir: folder,
    chunkNames: 'shared/[hash]',
    write: false,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    minifyWhitespace: true,
    sourcemap: 'inline',
    logLevel: 'error',
    plugins: [
      {
        name: 'rooms',
        setup({ onResolve, onLoad }) {
          onResolve({ filter: OTHER_ROOM }, otherRoom(rooms));
          onLoad({ filter: /\.js$/ }, ({ path }) => ({
            contents: withoutCoreDoor(path, folder, rooms.includes('core')),
            loader: 'js',
          }));
        },
      },
    ],
  });
  const [, tasks] = isRoot ? /export \{([^}]*)\}/.exec(readFileSync(join(folder, 'tasks', 'index.js'), 'utf8')) : [];
  for (const room of rooms) {
    for (const file of readdirSync(join(folder, room), { recursive: true })) {
      if (/\.js(\.map)?$/.test(file)) rmSync(join(folder, room, file));
    }
  }
  for (const { path, text } of outputFiles) {
    const options = {
      target: 'node20',
      format: 'esm',
      sourcefile: basename(path),
      sourcemap: 'external',
      minifySyntax: true,
    };
    const { code, map } = await transform(text, options);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${code}//# sourceMappingURL=${basename(path)}.map\n`);
    writeFileSync(`${path}.map`, map);
  }
  if (isRoot) writeFileSync(join(folder, 'tasks', 'index.js'), `export {${tasks}} from '../index.js';\n`);
}

/**
 * A module that takes from the files of `core` what it took from its door: whatever one door exports is loaded with it, and
 * half of `core` is for the soak alone.
 */
function withoutCoreDoor(path, folder, isInside) {
  const text = readFileSync(path, 'utf8');
  const core = join(folder, 'core');
  // Where it lies outside of the bundle, its door is all there is.
  if (dirname(path) === core || !isInside) return text;
  const homes = new Map();
  for (const [, names, file] of readFileSync(join(core, 'index.js'), 'utf8').matchAll(
    /export \{([^}]*)\} from '(.*?)'/g,
  )) {
    for (const name of names.split(',')) homes.set(name.trim(), join(core, file));
  }
  return text.replace(/(import|export) \{([^}]*)\} from '\.{1,2}\/core\/index\.js';/g, (_all, verb, names) =>
    names
      .split(',')
      .map((name) => name.trim())
      .filter(Boolean)
      .map((name) => `${verb} { ${name} } from ${JSON.stringify(homes.get(name.split(' ')[0]))};`)
      .join(' '),
  );
}

/** A room that is not bundled with these stays outside. */
function otherRoom(rooms) {
  return ({ path }) => (rooms.includes(OTHER_ROOM.exec(path)[1]) ? undefined : { path, external: true });
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
