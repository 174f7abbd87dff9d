import { plainText, type WatertightError } from '../core/index.js';

/** Frames of what reads TypeScript for us. */
const LOADER = /\/node_modules\/(esbuild|tsx)\//;

/** An error as people read it: what, where in their code, what next. Its text may come from the observed program. */
export function errorText(error: WatertightError): string {
  const { stack, output } = error.details as { stack?: string; output?: string };
  const lines = (text: string, most: number): string[] =>
    text
      .split('\n')
      .slice(0, most)
      .map((line) => `    ${plainText(line, 200)}`);
  return [
    `watertight: ${plainText(error.message, 1_000)}`,
    ...(stack ? lines(programStack(stack), 12) : []),
    ...(output ? ['  its last output:', ...lines(output, 15)] : []),
    error.hint ? `  → ${plainText(error.hint, 300)}` : '',
    `  (${error.code})`,
  ]
    .filter((line) => line !== '')
    .join('\n')
    .concat('\n');
}

/** A stack without the frames of Node and of this package. */
function programStack(stack: string): string {
  const own = new URL('../', import.meta.url).pathname;
  return stack
    .split('\n')
    .filter(
      (line) => !(/^\s+at /.test(line) && (/(\(|at )node:/.test(line) || LOADER.test(line) || line.includes(own))),
    )
    .join('\n');
}
