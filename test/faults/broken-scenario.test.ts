import { describe, expect, test } from 'vitest';
import { type SoakEnd, SoakProcess } from './soak-process.js';

/** Hangs are told after the budget; everything else ends long before. */
const BUDGET = ['--budget', '2s'];

async function soak(name: string, text: string, env: NodeJS.ProcessEnv = {}): Promise<SoakEnd> {
  return new SoakProcess({ files: { [name]: text }, args: [name, ...BUDGET], env }).end();
}

describe('a scenario that cannot be loaded', () => {
  test.for([
    ['a.mjs', 'export default () => {\n  const a = 1;\n  const a = 2;\n};\n', /a\.mjs:3/],
    ['a.cjs', 'const x = 1;\nmodule.exports = () => {\n  let y = ;\n};\n', /a\.cjs:3/],
    ['a.ts', 'enum A { B }\nexport default (i: number) => {\n  const q: = 3;\n};\n', /a\.ts:3/],
    ['a.js', 'export default () => { return import. };\n', /a\.js:1/],
  ] as const)('names file and line of the syntax error in %s', async ([name, text, place]) => {
    const { code, stderr } = await soak(name, text);
    expect(code).toBe(2);
    expect(stderr).toMatch(/Cannot load the scenario/);
    expect(stderr).toMatch(place);
    expect(stderr).toContain('WT_SOAK_SCENARIO_LOAD');
  });

  test('names the module with the syntax error, not the one that imports it', async () => {
    const files = { 'a.mjs': "import './b.mjs';\nexport default () => {};\n", 'b.mjs': '\n\nlet 1;\n' };
    const { code, stderr } = await new SoakProcess({ files, args: ['a.mjs', ...BUDGET] }).end();
    expect(code).toBe(2);
    expect(stderr).toMatch(/b\.mjs:3/);
  });

  test.for([
    ['load', 'export default ('],
    ['setup()', "export const setup = () => { throw new Error('no database'); };\nexport default () => {};\n"],
  ] as const)('replaces the report of an earlier run when %s fails', async ([step, text]) => {
    const files = { 'a.mjs': text, 'result.json': '{ "verdict": "clean" }' };
    const run = new SoakProcess({ files, args: ['a.mjs', '--json', 'result.json', ...BUDGET] });
    const { code, stdout } = await run.end();
    expect(code).toBe(2);
    expect(stdout.trim()).toBe('');
    const { verdict, iterations, notes } = run.json();
    expect({ verdict, iterations }).toEqual({ verdict: 'undecided', iterations: 0 });
    expect(notes[0]).toContain(step);
  });

  test('says which import is missing', async () => {
    const { code, stderr } = await soak('a.mjs', "import 'no-such-package';\nexport default () => {};\n");
    expect(code).toBe(2);
    expect(stderr).toMatch(/Cannot find package 'no-such-package'/);
  });

  test('says what a module without default export exports', async () => {
    const { code, stderr } = await soak('a.mjs', 'export const go = () => {};\n');
    expect(code).toBe(2);
    expect(stderr).toMatch(/no default export that is a function \(it exports go\)/);
    expect(stderr).toMatch(/export default async \(iteration, scope\)/);
    expect(stderr).toContain('WT_SOAK_NO_DEFAULT_EXPORT');
  });

  test('says that a top level await never ends', async () => {
    const { code, stderr } = await soak('a.mjs', 'await new Promise(() => {});\nexport default () => {};\n');
    expect(code).toBe(2);
    expect(stderr).toMatch(/oading the scenario never ends/);
  });
});

describe('a scenario that fails', () => {
  test('names the iteration and the line that threw', async () => {
    const text =
      "const fail = (i) => {\n  if (i === 7) throw new Error('seven');\n};\nexport default (i) => fail(i);\n";
    const run = new SoakProcess({ files: { 'a.mjs': text }, args: ['a.mjs', ...BUDGET, '--json', 'result.json'] });
    const { code, stderr } = await run.end(['result.json']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/Iteration 7 threw: seven/);
    expect(stderr).toMatch(/at fail .*a\.mjs:2:/);
    expect(stderr).not.toMatch(/node:internal|dist\/agent/);
    expect(run.json()).toMatchObject({ schema: 1, verdict: 'undecided', iterations: 7 });
  });

  test.for([
    ['setup', "export const setup = () => { throw new Error('no database'); };", /setup\(\) threw: no database/],
    ['teardown', "export const teardown = async () => { throw new Error('stuck'); };", /teardown\(\) threw: stuck/],
    ['an unhandled rejection', '', /nobody handled .* at iteration 4: lost/, "Promise.reject(new Error('lost'));"],
    ['a timer', '', /nobody handled .*: late/, "setTimeout(() => { throw new Error('late'); }, 1);"],
    ['process.exit()', '', /called process\.exit\(3\) in iteration 4/, 'process.exit(3);'],
    ['a thrown string', '', /Iteration 4 threw: just text/, "throw 'just text';"],
    ['undefined', '', /Iteration 4 threw: undefined/, 'throw undefined;'],
    ['its scope', '', /Iteration 4 threw: not closed/, "scope.defer(() => { throw new Error('not closed'); });"],
  ] as const)('in %s', async ([, extra, message, body = '']) => {
    const text = `${extra}\nexport default async (i, scope) => { if (i === 4) { ${body} } };\n`;
    const { code, stderr } = await soak('a.mjs', text);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/a\.mjs:[12]:|text|undefined/);
    expect(code).toBe(2);
  });

  test.for([
    ['while it is loaded', 'process.exit(0);', /loading the scenario/],
    ['in setup()', 'export const setup = () => process.exit(0);', /setup\(\)/],
    ['in teardown()', 'export const teardown = () => process.exit(0);', /teardown\(\)/],
  ] as const)('by process.exit(0) %s', async ([, extra, where]) => {
    const { code, stderr } = await soak('a.mjs', `export default () => {};\n${extra}\n`);
    expect(code).toBe(2);
    expect(stderr).toMatch(/called process\.exit\(0\)/);
    expect(stderr).toMatch(where);
  });

  test('goes on when it handles its own uncaught errors', async () => {
    const text = `process.on('uncaughtException', () => {});
      export default (i) => { if (i === 4) setTimeout(() => { throw new Error('mine'); }, 0); };\n`;
    const { code, stderr } = await soak('a.mjs', text);
    expect([0, 3]).toContain(code);
    expect(stderr).not.toMatch(/mine/);
  });
});

describe('a scenario that never ends', () => {
  test.for([
    ['an iteration', 'export default (i) => i < 4 ? undefined : new Promise(() => {});', /Iteration 4 never ends/],
    ['setup()', 'export const setup = () => new Promise(() => {}); export default () => {};', /setup\(\) never ends/],
    [
      'teardown()',
      'export const teardown = () => new Promise(() => {}); export default () => {};',
      /teardown\(\) never/,
    ],
  ] as const)('is told at once when nothing could settle %s', async ([, text, message]) => {
    const { code, stderr } = await soak('a.mjs', text);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/resolve or reject the promise/);
    expect(code).toBe(2);
  });

  test.for([
    [
      'an iteration',
      'export default (i) => i < 4 ? 0 : new Promise((r) => { setTimeout(r, 1e8); });',
      /Iteration 4 did not/,
    ],
    ['a loop', 'export default (i) => { if (i === 4) for (;;); };', /Iteration \d+, or one soon after it, did not end/],
    ['setup()', 'export const setup = () => { for (;;); }; export default () => {};', /setup\(\) did not end/],
    ['teardown()', 'export const teardown = () => { for (;;); }; export default () => {};', /teardown\(\) did not end/],
  ] as const)('is told after the budget for %s', async ([, text, message]) => {
    const { code, stderr } = await soak('a.mjs', text);
    expect(stderr).toMatch(message);
    expect(stderr).toContain('WT_SOAK_ITERATION_HANGS');
    expect(code).toBe(2);
  });
});
