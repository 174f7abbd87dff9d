import { mkdirSync, renameSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { sourceOf, withCalls } from './protocol-builds.fixture.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

const stepping: Plugin = {
  name: 'markers become calls',
  setup(builder) {
    builder.onLoad({ filter: /src\/blocks\/protocol-[a-z]+\.ts$/ }, ({ path }) => ({
      contents: withCalls(sourceOf(basename(path))),
      loader: 'ts',
    }));
  },
};

/**
 * The room as one file for workers and child processes, which load no TypeScript: as it ships, or with a call of
 * `watertightStep(label)` before each shared step.
 * @returns URL of the file
 */
export async function bundle(kind: 'plain' | 'stepping'): Promise<string> {
  const folder = `${root}node_modules/.cache/watertight-blocks`;
  const outfile = `${folder}/${kind}-${process.pid}.mjs`;
  mkdirSync(folder, { recursive: true });
  await build({
    entryPoints: [`${root}src/blocks/index.ts`],
    ...{ outfile, bundle: true, platform: 'node', format: 'esm', target: 'node20', external: ['koffi'] },
    plugins: kind === 'stepping' ? [stepping] : [],
  });
  // Put in its place whole: another test file may be loading it.
  const place = `${folder}/${kind}.mjs`;
  renameSync(outfile, place);
  return pathToFileURL(place).href;
}
