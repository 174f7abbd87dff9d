import { closeSync, openSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { SoakProcess } from './soak-process.js';

const KIB = 1024;
/** The command holds two tails of 16 Ki characters of output and its own code. */
const MAX_RSS_KIB = 400 * KIB;

describe('a scenario that floods its output', () => {
  test('is decided, and the command stays small', async () => {
    // Lines of 2 kB: one write of 12 kB into a socket is refused by some kernels now and then (ENOBUFS), which ends the program.
    const text = `const line = 'flood '.repeat(300) + '\\n';
      const kept = [];
      class Order { constructor(i) { this.i = i; } }
      export default (i) => { kept.push(new Order(i)); process.stdout.write(line); process.stderr.write(line); };\n`;
    const run = new SoakProcess({ files: { 'a.mjs': text }, args: ['a.mjs', '--budget', '90s'] });
    await run.until(/looking closer|LEAK|CLEAN|UNDECIDED/);
    const status = readFileSync(`/proc/${run.child.pid}/status`, 'utf8');
    const peak = Number(/VmHWM:\s*(\d+) kB/.exec(status)?.[1]);
    const { code, stdout, stderr } = await run.end();
    expect(stdout).toMatch(/LEAK/);
    expect(stdout).toMatch(/Order/);
    expect(code).toBe(1);
    expect(stdout + stderr).not.toMatch(/flood/);
    expect(peak).toBeLessThan(MAX_RSS_KIB);
  });

  test('without line ends shows a short tail when it dies', async () => {
    const text = "export default (i) => { process.stderr.write('y'.repeat(1e6)); if (i === 40) process.abort(); };\n";
    const run = new SoakProcess({ files: { 'a.mjs': text }, args: ['a.mjs', '--budget', '5s'] });
    const { code, stderr } = await run.end();
    expect(code).toBe(2);
    expect(stderr).toMatch(/was killed by SIGABRT/);
    expect(stderr.length).toBeLessThan(10_000);
  });
});

describe('hostile text of a program', () => {
  test('reaches neither terminal nor page', async () => {
    const text = `const ESC = String.fromCharCode(27);
      const name = ESC + '[2J' + ESC + ']0;owned' + String.fromCharCode(7) + '<script>alert(1)</script>\\u202Eevil';
      const Order = { [name]: class { constructor(i) { this.i = i; this.more = [i]; } } }[name];
      const kept = { [name]: [] };
      kept['k'.repeat(1_000_000)] = kept[name];
      globalThis.kept = kept;
      export default async (i) => { kept[name].push(new Order(i)); await new Promise(setImmediate); };\n`;
    const args = ['a.mjs', '--budget', '90s', '--html', 'r.html', '--junit', 'r.xml', '--json', 'result.json'];
    const run = new SoakProcess({ files: { 'a.mjs': text }, args, env: { FORCE_COLOR: '0' } });
    const { code, stdout, stderr } = await run.end(['r.html', 'r.xml', 'result.json']);
    expect(code).toBe(1);
    const html = readFileSync(run.path('r.html'), 'utf8');
    for (const output of [stdout, stderr, html, readFileSync(run.path('r.xml'), 'utf8')]) {
      expect(output).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]/);
      expect(output.length).toBeLessThan(500_000);
    }
    expect(html).not.toContain('<script');
    expect(run.json().leaks.length).toBeGreaterThan(0);
  });

  test('in an error is shown as plain text', async () => {
    const text = `export default () => {
      throw Object.assign(new Error('\\u001b[31mred\\u001b[0m\\n' + 'm'.repeat(1e6)), { code: '\\u001b]0;x\\u0007' });
    };\n`;
    const run = new SoakProcess({ files: { 'a.mjs': text }, args: ['a.mjs', '--budget', '2s'] });
    const { code, stderr } = await run.end();
    expect(code).toBe(2);
    expect(stderr).toMatch(/Iteration 0 threw: red/);
    expect(stderr).not.toMatch(/\u001b/);
    expect(stderr.length).toBeLessThan(20_000);
  });

  test('thrown getters and proxies do not break the host', async () => {
    const text = `export default () => {
      throw new Proxy({}, { get() { throw new Error('gotcha'); } });
    };\n`;
    const { code, stderr } = await new SoakProcess({
      files: { 'a.mjs': text },
      args: ['a.mjs', '--budget', '2s'],
    }).end();
    expect(code).toBe(2);
    expect(stderr).toMatch(/Iteration 0 threw/);
  });
});

test('standard output on a full disk is an error, never a verdict', async () => {
  const full = openSync('/dev/full', 'w');
  const run = new SoakProcess({
    files: { 'a.mjs': 'export default () => {};\n' },
    args: ['a.mjs', '--budget', '1s'],
    stdout: full,
  });
  const { code, stderr } = await run.end();
  closeSync(full);
  expect(code).toBe(2);
  expect(stderr).toMatch(/Cannot write the standard output: the disk is full/);
});
