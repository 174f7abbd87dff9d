import { lstatSync, mkdirSync, statSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { SoakProcess } from './soak-process.js';

const CALM = 'export default () => {};\n';

/** Ends with 2 before anything was run. */
async function refused(args: string[], files: Record<string, string> = { 'calm.mjs': CALM }): Promise<string> {
  const run = new SoakProcess({ files, args });
  const { code, stdout, stderr } = await run.end();
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).not.toContain('internal error');
  return stderr;
}

describe('watertight soak refuses', () => {
  const cases: [name: string, args: string[], message: RegExp, hint: RegExp][] = [
    ['nothing', [], /nothing to soak/, /name a scenario file/],
    ['a missing file', ['gone.mjs'], /Cannot soak gone\.mjs as there is no such file/, /check the path/],
    ['a folder', ['.'], /Cannot soak \. as it is a folder/, /name the scenario file/],
    ['what is no JavaScript', ['notes.txt'], /neither JavaScript nor TypeScript/, /\.mjs/],
    ['two scenarios', ['calm.mjs', 'calm.mjs'], /Unexpected argument calm\.mjs/, /one scenario/],
    ['an unknown option', ['calm.mjs', '--fast'], /--fast/, /--help/],
    ['a budget without unit', ['calm.mjs', '--budget', '60'], /--budget must be a time .* got 60/, /least is 1s/],
    ['a budget below a second', ['calm.mjs', '--budget', '10ms'], /--budget must be/, /least is 1s/],
    ['no iterations', ['calm.mjs', '--iterations', '0'], /--iterations must be a whole number from 1/, /--help/],
    ['half a seed', ['calm.mjs', '--seed', '1.5'], /--seed must be a whole number/, /--help/],
    ['a negative warm-up', ['calm.mjs', '--warmup=-1'], /--warmup must be a whole number/, /--help/],
    ['a horizon in words', ['calm.mjs', '--horizon', 'month'], /--horizon must be a time/, /least/],
    ['--http for a scenario', ['calm.mjs', '--http', 'http://127.0.0.1:1'], /--http needs a command/, /drives itself/],
    ['--http without a URL', ['--http', 'localhost:1', '--', 'node'], /--http must be a URL/, /URL/],
    ['an empty command', ['--'], /no command after --/, /for example/],
    ['a command that is missing', ['--', 'wt-no-such-command'], /no such command/, /spelling/],
    ['a command that is a folder', ['--', '/'], /Cannot start \//, /by hand/],
    ['a command below a file', ['--', './calm.mjs/x'], /Cannot start \.\/calm\.mjs\/x/, /by hand/],
  ];
  test.for(cases)('%s', async ([, args, message, hint]) => {
    const stderr = await refused(args, { 'calm.mjs': CALM, 'notes.txt': '' });
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(hint);
    expect(stderr).toMatch(/\(WT_(CLI|SOAK)_[A-Z_]+\)/);
  });
});

describe('watertight soak tells before it starts that a report cannot be written', () => {
  test.for([
    ['--html', 'missing/report.html', /its folder does not exist/],
    ['--json', '/proc/report.json', /Cannot write \/proc\/report\.json/],
    ['--junit', '.', /it is a folder/],
    ['--html', 'calm.mjs/report.html', /Cannot write/],
  ] as const)('%s %s', async ([option, path, message]) => {
    const ran = "import { writeFileSync } from 'node:fs'; writeFileSync('ran', ''); export default () => {};\n";
    const stderr = await refused(['calm.mjs', option, path], { 'calm.mjs': ran });
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/nothing was run/);
  });
});

describe('watertight soak --json', () => {
  test('reports a full disk beside the verdict, and leaves the device a device', async () => {
    const run = new SoakProcess({
      files: { 'calm.mjs': CALM },
      args: ['calm.mjs', '--budget', '1s', '--json', '/dev/full'],
    });
    const { code, stdout, stderr } = await run.end();
    expect(code).toBe(2);
    expect(stdout).toMatch(/CLEAN|UNDECIDED/);
    expect(stderr).toMatch(/Cannot write \/dev\/full: the disk is full/);
    expect(statSync('/dev/full').isCharacterDevice()).toBe(true);
  });

  test('writes behind a symbolic link, which stays one', async () => {
    const args = ['calm.mjs', '--budget', '1s', '--json', 'latest.json'];
    const files = { 'calm.mjs': CALM, 'run-1.json': 'old' };
    const run = new SoakProcess({ files, args, links: { 'latest.json': 'run-1.json' } });
    await run.end();
    expect(run.json('run-1.json')).toMatchObject({ schema: 1 });
    expect(lstatSync(run.path('latest.json')).isSymbolicLink()).toBe(true);
  });

  test('- prints only JSON', async () => {
    const run = new SoakProcess({ files: { 'calm.mjs': CALM }, args: ['calm.mjs', '--budget', '1s', '--json', '-'] });
    const { stdout } = await run.end();
    expect(JSON.parse(stdout)).toMatchObject({ schema: 1, target: 'calm.mjs' });
  });
});

test('a report is whole or absent: the folder holds the report and no draft', async () => {
  const run = new SoakProcess({
    files: { 'calm.mjs': CALM },
    args: ['calm.mjs', '--budget', '1s', '--json', 'r.json', '--html', 'r.html', '--junit', 'r.xml'],
  });
  mkdirSync(run.path('other'));
  const { code } = await run.end(['other', 'r.html', 'r.json', 'r.xml']);
  expect([0, 3]).toContain(code);
});
