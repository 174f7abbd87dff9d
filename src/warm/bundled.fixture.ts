import { mkdirSync, renameSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** A member's script as one file, made once a test file: it then starts in 40 ms, and as TypeScript in 400. */
export async function bundled(url: URL): Promise<string> {
  // Beneath node_modules, from where koffi is found.
  const folder = fileURLToPath(new URL('../../node_modules/.cache/watertight-tests/', import.meta.url));
  mkdirSync(folder, { recursive: true });
  const source = fileURLToPath(url);
  const place = `${folder}warm-${source.split('/').at(-1)?.replace('.ts', '.mjs')}`;
  const outfile = `${place}.${process.pid}.mjs`;
  await build({ entryPoints: [source], outfile, bundle: true, platform: 'node', format: 'esm', logLevel: 'error' });
  // Put in its place whole: another test file may be loading it.
  renameSync(outfile, place);
  return place;
}
