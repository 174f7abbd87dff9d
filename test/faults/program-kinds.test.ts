import { describe, expect, test } from 'vitest';
import { SoakProcess } from './soak-process.js';

/** An end is told as soon as it is known; a busy machine takes longer. */
const BUDGET = ['--budget', '90s'];

describe('an iteration runs in', () => {
  const fail = "(i) => {\n  if (i === 3) throw new Error('three');\n}";
  test.for([
    ['.mjs', 'a.mjs', `export default ${fail};\n`],
    ['.cjs that is a function', 'a.cjs', `module.exports = ${fail};\n`],
    ['.cjs with default', 'a.cjs', `exports.default = ${fail};\n`],
    ['.js with default in CommonJS', 'a.js', `module.exports = { default: ${fail} };\n`],
    [
      '.mts with an enum',
      'a.mts',
      `enum Kind { A }\nexport default (i: number) => {\n  if (i === 3) throw new Error('three');\n}\n`,
    ],
    [
      '.cts with an enum',
      'a.cts',
      `enum Kind { A }\nexport = (i: number) => {\n  if (i === 3) throw new Error('three');\n}\n`,
    ],
  ] as const)('%s', async ([, name, text]) => {
    const { code, stderr } = await new SoakProcess({ files: { [name]: text }, args: [name, ...BUDGET] }).end();
    expect(stderr).toMatch(/Iteration 3 threw: three/);
    // The line of the source, not of what it was compiled to.
    expect(stderr).toContain(`${name}:${text.slice(0, text.indexOf('throw')).split('\n').length}:`);
    expect(code).toBe(2);
  });
});

/** One `Order` is kept in each iteration, each of which takes a turn of the event loop. */
describe('a leak is found in', () => {
  test.for([
    [
      'TypeScript with an enum',
      'a.ts',
      `enum Kind { New, Old }
      class Order { constructor(readonly i: number, readonly kind: Kind, readonly lines: number[] = [i]) {} }
      const kept: Order[] = [];
      export default async (i: number): Promise<void> => {
        kept.push(new Order(i, Kind.Old));
        await new Promise(setImmediate);
      };\n`,
    ],
    [
      'a worker thread',
      'a.mjs',
      `import { Worker } from 'node:worker_threads';
      const code = "const { parentPort } = require('node:worker_threads'); const kept = [];" +
        "class Order { constructor(i) { this.i = i; this.lines = [i, i]; } }" +
        "parentPort.on('message', (i) => { kept.push(new Order(i)); parentPort.postMessage(0); });";
      const worker = new Worker(code, { eval: true });
      export default (i) => new Promise((resolve) => { worker.once('message', resolve); worker.postMessage(i); });
      export const teardown = () => worker.terminate();\n`,
    ],
  ] as const)('%s', async ([, name, text]) => {
    const run = new SoakProcess({ files: { [name]: text }, args: [name, ...BUDGET, '--json', 'result.json'] });
    const { code, stdout } = await run.end(['result.json']);
    expect(stdout).toMatch(/LEAK/);
    const [leak] = run.json().leaks;
    expect(leak).toMatchObject({ className: 'Order' });
    expect(leak!.perIteration).toBeCloseTo(1, 1);
    expect(code).toBe(1);
  });
});

describe('no leak is called in', () => {
  test.for([
    [
      'a scenario that uses its scope',
      `import { closeSync, openSync } from 'node:fs';
      export const setup = (scope) => { scope.defer(() => {}); };
      export default async (i, scope) => { scope.acquire('null', () => openSync('/dev/null'), closeSync); };\n`,
    ],
    [
      'a heap that shrinks',
      `const kept = Array.from({ length: 400_000 }, (_, i) => ({ i }));
      export default () => { for (let k = 0; k < 20; k++) kept.pop(); };\n`,
    ],
    ['iterations of one second', 'export default () => new Promise((resolve) => setTimeout(resolve, 1_000));\n'],
  ] as const)('%s', async ([name, text]) => {
    const isSlow = name.endsWith('second');
    const budget = isSlow ? ['--budget', '6s'] : BUDGET;
    const run = new SoakProcess({ files: { 'a.mjs': text }, args: ['a.mjs', ...budget, '--json', 'result.json'] });
    const { code } = await run.end(['result.json']);
    const { verdict, leaks, durationMs, notes } = run.json();
    expect(leaks).toEqual([]);
    expect(code).toBe(verdict === 'clean' ? 0 : 3);
    if (isSlow) {
      expect(verdict).toBe('undecided');
      expect(durationMs).toBeLessThan(12_000);
      expect(notes.join('\n')).toMatch(/too few samples/);
    } else expect(verdict).toBe('clean');
  });
});
