import { describe, expect, test } from 'vitest';
import { SoakProcess } from './soak-process.js';

const KEEPS = 'const kept = [];\nexport default (i) => { kept.push({ i }); };\n';
/** Deaf to a polite end, and with a child in a session of its own. */
const STUBBORN = `import { spawn } from 'node:child_process';
process.on('SIGTERM', () => {});
spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
export default () => new Promise((resolve) => setTimeout(resolve, 1));
`;
const LOOP = 'export default (i) => { if (i === 200) for (;;); };\n';
const ARGS = ['a.mjs', '--budget', '30s', '--json', 'result.json'];

const start = (text: string, env: NodeJS.ProcessEnv = {}): SoakProcess =>
  new SoakProcess({ files: { 'a.mjs': text }, args: ARGS, env });

function hostOf(run: SoakProcess): number {
  return run.processes().find(({ command }) => command.includes('agent/host.js'))!.pid;
}

describe('the program is ended from outside', () => {
  test('by SIGKILL: says so, and keeps what was seen', async () => {
    const run = start(KEEPS);
    await run.until(/watching/);
    process.kill(hostOf(run), 'SIGKILL');
    const { code, stderr } = await run.end(['result.json']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/was killed by SIGKILL after \d+ iterations/);
    expect(stderr).toMatch(/perhaps the kernel for lack of memory/);
    const result = run.json();
    expect(result).toMatchObject({ schema: 1, verdict: 'undecided' });
    expect(result.iterations).toBeGreaterThan(0);
    expect(result.gauges.length).toBeGreaterThan(0);
  });

  test('while it hangs', async () => {
    const run = start(LOOP);
    await run.until(/warming up/);
    process.kill(hostOf(run), 'SIGKILL');
    const { code, stderr } = await run.end(['result.json']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/was killed by SIGKILL/);
  });

  test('by its own memory: reports the gauges until then', async () => {
    const text = `const kept = [];
      export default (i) => { if (i > 3000) for (;;) kept.push({ text: 'x' + kept.length }); kept.push({ i }); };\n`;
    const run = start(text, { NODE_OPTIONS: '--max-old-space-size=64' });
    const { code, stderr } = await run.end(['result.json']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/ran out of memory after \d+ iterations/);
    expect(stderr).toMatch(/FATAL ERROR: .*heap/);
    expect(stderr).not.toMatch(/\d+: 0x/);
    const { gauges, iterations } = run.json();
    expect(gauges.find(({ name }) => name === 'resident memory')!.series.length).toBeGreaterThan(1);
    expect(iterations).toBeGreaterThan(0);
  });
});

describe('the command is ended', () => {
  test.for(['SIGINT', 'SIGTERM'] as const)('by %s: partial report, exit code 3, child gone', async (signal) => {
    const run = start(STUBBORN);
    await run.until(/watching/);
    run.child.kill(signal);
    const { code, stdout } = await run.end(['result.json']);
    expect(code).toBe(3);
    expect(stdout).toMatch(/UNDECIDED/);
    expect(run.json()).toMatchObject({ schema: 1, verdict: 'undecided' });
    expect(run.json().notes[0]).toMatch(/stopped early by a signal/);
  });

  test('by SIGINT in the middle of an endless loop', async () => {
    const run = start(LOOP);
    await run.until(/warming up/);
    run.child.kill('SIGINT');
    const { code } = await run.end(['result.json']);
    expect(code).toBe(3);
  });

  test('by a second signal: at once, and still nothing is left', async () => {
    const run = start(STUBBORN);
    await run.until(/watching/);
    run.child.kill('SIGINT');
    // Two of a kind could become one on their way.
    run.child.kill('SIGTERM');
    const { code, stdout } = await run.end();
    expect(code).toBe(130);
    expect(stdout).toBe('');
  });

  test.for([
    ['SIGKILL', STUBBORN],
    ['SIGHUP', STUBBORN],
    ['SIGKILL', LOOP],
  ] as const)('by %s: the program ends by itself', async ([signal, text]) => {
    const run = start(text);
    await run.until(text === LOOP ? /warming up/ : /watching/);
    expect(run.processes().length).toBeGreaterThan(0);
    run.child.kill(signal);
    expect((await run.end()).signal).toBe(signal);
  });

  test('by a reader that has gone', async () => {
    const run = new SoakProcess({ files: { 'a.mjs': KEEPS }, args: ['a.mjs', '--budget', '2s'] });
    await run.until(/watching/);
    run.child.stdout!.destroy();
    const { code, stderr } = await run.end();
    expect([1, 2, 3]).toContain(code);
    expect(stderr).not.toMatch(/EPIPE|internal error/);
  });
});

test('children of a scenario are ended with it, however they left it', async () => {
  const text = `import { spawn } from 'node:child_process';
    const away = { detached: true, stdio: 'ignore' };
    export const setup = () => {
      spawn('sleep', ['600'], away).unref();
      spawn('sh', ['-c', 'sleep 601 & exit 0'], away).unref();
      spawn('sh', ['-c', '(trap "" TERM HUP; sleep 602) & exit 0'], away).unref();
    };
    export default () => {};\n`;
  const run = new SoakProcess({ files: { 'a.mjs': text }, args: ['a.mjs', '--budget', '2s'] });
  await run.until(/watching/);
  expect(run.processes().filter(({ command }) => command.startsWith('sleep 60')).length).toBeGreaterThanOrEqual(2);
  const { code } = await run.end();
  expect([0, 3]).toContain(code);
});

test('temporary files of a scenario go with it, also from folders without permission', async () => {
  const text = `import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
    import { tmpdir } from 'node:os';
    mkdirSync(tmpdir() + '/kept/deep', { recursive: true });
    writeFileSync(tmpdir() + '/kept/deep/file', 'text');
    chmodSync(tmpdir() + '/kept/deep', 0o500);
    chmodSync(tmpdir() + '/kept', 0o000);
    export default () => {};\n`;
  const { code } = await new SoakProcess({ files: { 'a.mjs': text }, args: ['a.mjs', '--budget', '1s'] }).end();
  expect([0, 3]).toContain(code);
});
