import { isAbsolute, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const TYPESCRIPT = /\.[cm]?tsx?$/;

/** What a worker is made from. */
export interface ThreadScript {
  readonly script: string;
  /** `script` is source text, not a path. */
  readonly eval: boolean;
}

/**
 * The first module of a thread. TypeScript, ours in this repository or the user's, is read by `tsx`, which has to be
 * registered inside the thread: Node.js 20 ignores `--import` in the options of a worker.
 */
export function threadScript(file: string | undefined): ThreadScript {
  const isOurs = TYPESCRIPT.test(import.meta.url);
  const entry = new URL(isOurs ? './thread-entry.ts' : './thread-entry.js', import.meta.url);
  if (!isOurs && (file === undefined || !TYPESCRIPT.test(file))) return { script: fileURLToPath(entry), eval: false };
  // As ES modules and as CommonJS: which of them a file is, its package.json says.
  const loaders = ['tsx/cjs/api', 'tsx/esm/api'].map((api) => `import(${JSON.stringify(import.meta.resolve(api))})`);
  const script = `Promise.all([${loaders}]).then((loaders) => {
    for (const { register } of loaders) register();
    return import(${JSON.stringify(entry.href)});
  });`;
  return { script, eval: true };
}

/** URL of the module with the tasks. Relative paths start at the working folder. */
export function moduleUrl(file: string | URL): string {
  const text = String(file);
  if (/^(file|data|node):/.test(text)) return text;
  return pathToFileURL(isAbsolute(text) ? text : resolve(text)).href;
}
