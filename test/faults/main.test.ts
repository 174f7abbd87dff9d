import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { get } from 'node:http';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';

const scope = pathToFileURL(resolve('dist/scope/index.js')).href;

interface Program {
  readonly child: ChildProcess;
  /** Settles when standard output has had this text. */
  printed(text: string): Promise<void>;
  readonly ended: Promise<{ code: number | null; signal: string | null; out: string; err: string; afterMs: number }>;
}

/** Runs a program of its own, in which `main`, `createServer` and `once` are there. */
function program(source: string): Program {
  const code = `import { main, Scope, closeReportText } from '${scope}'; import { createServer } from 'node:http';
    import { once } from 'node:events'; const say = (text) => console.log(text);\n${source}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  let onOutput = () => {};
  child.stdout!.setEncoding('utf8').on('data', (text) => {
    out += text;
    onOutput();
  });
  child.stderr!.setEncoding('utf8').on('data', (text) => {
    err += text;
  });
  let killedAt = 0;
  const { kill } = child;
  child.kill = (signal) => {
    killedAt ||= performance.now();
    return kill.call(child, signal);
  };
  const ended = once(child, 'close').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as string | null,
    out,
    err,
    afterMs: performance.now() - killedAt,
  }));
  const printed = (text: string) =>
    Promise.race([
      new Promise<void>((done) => {
        onOutput = () => {
          if (out.includes(text)) done();
        };
        onOutput();
      }),
      ended.then(({ err }) => {
        if (!out.includes(text)) throw new Error(`ended without ${text}: ${err}`);
      }),
    ]);
  return { child, printed, ended };
}

describe('main()', () => {
  test('a script that ends by itself is closed, quietly, with exit code 0', async () => {
    const { ended } = program(`main(async (scope) => { scope.defer(() => say('released')); });`);
    expect(await ended).toMatchObject({ code: 0, out: 'released\n', err: '' });
  });

  test("keeps a script's own exit code", async () => {
    const { ended } = program(`main(() => { process.exitCode = 5; });`);
    expect(await ended).toMatchObject({ code: 5 });
  });

  test('ends when the work returns, whatever is left open, where that is wanted', async () => {
    const { ended } = program(
      `main((scope) => { scope.interval('tick', 1000, () => {}); scope.defer(() => say('released')); }, { until: 'returned' });`,
    );
    expect(await ended).toMatchObject({ code: 0, out: 'released\n' });
  });

  test('an error of the work closes, and exits 1 with the error printed', async () => {
    const { ended } = program(
      `main(async (scope) => { scope.defer(() => say('released')); throw new Error('no config'); });`,
    );
    const { code, out, err } = await ended;
    expect({ code, out }).toEqual({ code: 1, out: 'released\n' });
    expect(err).toContain('Error: no config');
    expect(err).toMatch(/watertight: an error, closed main in \d+ ms: 1 of 1 released/);
  });

  test('SIGTERM during requests: those in flight end, new ones are refused, exit code 143 with a report', async () => {
    const { child, printed, ended } = program(`main(async (scope) => {
      const server = scope.server(createServer((request, response) => {
        say('request'); process.once('SIGTERM', () => setTimeout(() => response.end('whole answer'), 200));
      }).listen(0, '127.0.0.1'));
      scope.defer('database', () => say('database closed'));
      await once(server, 'listening'); say('port ' + server.address().port + '.');
    });`);
    let text = '';
    child.stdout!.on('data', (chunk) => {
      text += chunk;
    });
    await printed('.');
    const port = Number(/port (\d+)\./.exec(text)![1]);
    const body = new Promise<string>((done, fail) => {
      get({ port, host: '127.0.0.1' }, (response) => {
        let all = '';
        response.setEncoding('utf8').on('data', (chunk) => {
          all += chunk;
        });
        response.on('end', () => done(all));
      }).on('error', fail);
    });
    await printed('request');
    child.kill('SIGTERM');
    expect(await body).toBe('whole answer');
    const { code, out, err } = await ended;
    expect(code).toBe(143);
    expect(out).toContain('database closed');
    expect(err).toMatch(/^watertight: SIGTERM, closed main in \d+ ms: 2 of 2 released$/m);
  });

  test('SIGTERM during start-up: what has begun is aborted, what arrives is released, exit code 143', async () => {
    const { child, printed, ended } = program(`main(async (scope) => {
      scope.defer('first', () => say('first released'));
      await scope.acquire('slow', ({ signal }) => new Promise((resolve) => {
        say('starting'); const keep = setTimeout(() => {}, 60_000);
        signal.addEventListener('abort', () => { clearTimeout(keep); resolve('half'); });
      }), (value) => say(value + ' released'));
      say('never');
    });`);
    await printed('starting');
    child.kill('SIGTERM');
    const { code, out, err } = await ended;
    expect({ code, out }).toEqual({ code: 143, out: 'starting\nhalf released\nfirst released\n' });
    expect(err).toMatch(/^watertight: SIGTERM, closed main in \d+ ms: 2 of 2 released$/m);
  });

  test('an acquisition that stops when its signal aborts is no failure: exit code 143', async () => {
    const { child, printed, ended } = program(`import { setTimeout as delay } from 'node:timers/promises';
    main((scope) => { say('starting'); return scope.acquire('lease', ({ signal }) => delay(60_000, 'x', { signal }), () => {}); });`);
    await printed('starting');
    child.kill('SIGTERM');
    const { code, err } = await ended;
    expect(code, err).toBe(143);
    expect(err).toMatch(/^watertight: SIGTERM, closed main in \d+ ms: 1 of 1 released$/m);
  });

  test('a release that hangs at SIGTERM is named with its line, and the exit code is 1', async () => {
    const { child, printed, ended } = program(`main((scope) => {
      scope.hold('broker', 1, () => new Promise(() => {})); scope.interval('tick', 1000, () => {}); say('up');
    }, { closeTimeoutMs: 300 });`);
    await printed('up');
    child.kill('SIGTERM');
    const { code, err, afterMs } = await ended;
    expect(code).toBe(1);
    expect(err).toMatch(/closed main in \d+ ms: 1 of 2 released, 1 still held/);
    expect(err).toMatch(/stuck {3}main\/broker: releasing for \d+ ms/);
    expect(afterMs).toBeLessThan(5000);
  });

  test('a second SIGTERM ends at once with 143, and says what is still held', async () => {
    const { child, printed, ended } = program(`main((scope) => {
      scope.hold('broker', 1, () => { say('closing'); return new Promise(() => {}); }); scope.interval('t', 1000, () => {}); say('up');
    });`);
    await printed('up');
    child.kill('SIGTERM');
    await printed('closing');
    child.kill('SIGTERM');
    const { code, err } = await ended;
    expect(code).toBe(143);
    expect(err).toMatch(/SIGTERM while closing: ends now, still held:\nmain {2}\d+ m?s, holds \d, closing/);
    expect(err).toMatch(/broker {2}.*releasing/);
  });

  test('two SIGINT within a moment are one Ctrl-C, passed on by npm', async () => {
    const { child, printed, ended } = program(`main((scope) => {
      scope.defer('slow', () => { say('closing'); return new Promise((resolve) => setTimeout(resolve, 300)); });
      scope.interval('t', 1000, () => {}); say('up');
    });`);
    await printed('up');
    child.kill('SIGINT');
    child.kill('SIGINT');
    const { code, err } = await ended;
    expect(code).toBe(130);
    expect(err).toContain('2 of 2 released');
  });

  test('an uncaught error, and one during close: everything is released, both are printed, exit code 1', async () => {
    const { ended } = program(`main((scope) => {
      scope.defer('last', () => say('last released'));
      scope.defer('broken', () => new Promise((resolve) => { setTimeout(() => { throw new Error('during close'); }, 10); setTimeout(resolve, 50); }));
      setTimeout(() => { throw new Error('uncaught'); }, 10);
    });`);
    const { code, out, err } = await ended;
    expect({ code, out }).toEqual({ code: 1, out: 'last released\n' });
    expect(err).toContain('Error: uncaught');
    expect(err).toContain('Error: during close');
    expect(err).toContain('2 of 2 released');
  });

  test('a SIGTERM after an error does not cut the closing short: exit code 1; a second one does', async () => {
    for (const signals of [1, 2]) {
      const { child, printed, ended } = program(`main((scope) => {
        scope.defer('flush', () => new Promise((resolve) => { say('closing'); setTimeout(() => { say('flushed'); resolve(); }, 400); }));
        throw new Error('work failed');
      }, { print: (text) => { console.error(text); if (text.includes('closing already')) say('told'); } });`);
      await printed('closing');
      child.kill('SIGTERM');
      await printed('told');
      if (signals === 2) child.kill('SIGTERM');
      const { code, out, err } = await ended;
      expect(code).toBe(1);
      expect(out.includes('flushed')).toBe(signals === 1);
      expect(err).toContain('SIGTERM: is closing already; once more ends at once');
    }
  });

  test('gives the report of each root to onClosed, and what that throws gives exit code 1', async () => {
    const { child, printed, ended } = program(`main((scope) => {
      scope.interval('tick', 1000, () => {}); say('up');
    }, { onClosed: (report) => { say(report.scope + ' ' + report.released + ' of ' + report.initial); throw new Error('no place for it'); } });`);
    await printed('up');
    child.kill('SIGTERM');
    const { code, out, err } = await ended;
    expect({ code, out }).toEqual({ code: 1, out: 'up\nmain 1 of 1\n' });
    expect(err).toContain('no place for it');
  });

  test('refuses wrong options before the work begins: what is wrong would show only at the end', async () => {
    const { ended } = program(`
      const texts = [];
      for (const options of [{ closeTimeoutMs: NaN }, { closeTimeoutMs: '5s' }, { closeTimeoutMs: -1 }, { signalExitCode: NaN },
        { signalExitCode: 300 }, { until: 'foo' }, { treeSignal: 'SIGFOO' }, { signals: ['SIGKILL'] }, { signals: 'SIGTERM' },
        { print: 5 }, { onClosed: 5 }, { timeoutMs: 5 }, null]) {
        await main(() => say('began'), options).catch((error) => texts.push(error.name + ' ' + error.message));
      }
      say(texts.join('\\n'));`);
    const { out } = await ended;
    const lines = out.trim().split('\n');
    expect(lines).toHaveLength(13);
    expect(out).not.toContain('began');
    expect(lines[0]).toBe('RangeError main(): closeTimeoutMs must be a number of ms from 0 to 2147483647, not NaN');
    expect(lines.at(-2)).toContain('there is no option "timeoutMs"');
  });

  test('an unhandled rejection closes too', async () => {
    const { ended } = program(
      `main((scope) => { scope.defer(() => say('released')); Promise.reject(new Error('nobody')); });`,
    );
    const { code, out, err } = await ended;
    expect({ code, out }).toEqual({ code: 1, out: 'released\n' });
    expect(err).toContain('Error: nobody');
  });

  test('SIGUSR2 prints what is held, and the program goes on', async () => {
    const { child, printed, ended } = program(`main((scope) => {
      scope.child('jobs').interval('tick', 1000, () => {}); say('up');
      process.on('SIGUSR2', () => say('seen'));
    });`);
    await printed('up');
    child.kill('SIGUSR2');
    await printed('seen');
    child.kill('SIGTERM');
    const { code, err } = await ended;
    expect(code).toBe(143);
    expect(err).toMatch(/^main {2}\d+ m?s, holds 1\n└─ jobs {2}\d+ m?s, holds 1\n {3}└─ tick {2}\d+ m?s/m);
  });

  test('a second main() joins the first: one owner of SIGTERM, both close, newest first', async () => {
    const { child, printed, ended } = program(`
      main((scope) => { scope.defer(() => new Promise((resolve) => setTimeout(() => { say('first released'); resolve(); }, 50))); scope.interval('t', 1000, () => {}); }, { name: 'first', signalExitCode: 0 });
      main((scope) => { scope.defer(() => say('second released')); say('up'); }, { name: 'second' });`);
    await printed('up');
    child.kill('SIGTERM');
    const { code, out, err } = await ended;
    expect({ code, out }).toEqual({ code: 0, out: 'up\nsecond released\nfirst released\n' });
    expect(err).toMatch(/closed second .*\n.*closed first /);
  });

  test("somebody else's process.exit() is told, with what is still held", async () => {
    const { ended } = program(`main((scope) => { scope.hold('socket', 1, () => {}); process.exit(3); });`);
    const { code, err } = await ended;
    expect(code).toBe(3);
    expect(err).toMatch(/process\.exit\(3\) was called elsewhere while open; still held:\nmain {2}.*\n└─ socket/);
  });

  test('a bare `await scope.close()` holds the process until its report is there', async () => {
    const { ended } = program(
      `const scope = new Scope('bare'); scope.hold('hangs', 1, () => new Promise(() => {}), { timeoutMs: 50 });
      say(closeReportText(await scope.close()));`,
    );
    const { code, out } = await ended;
    expect(code).toBe(0);
    expect(out).toMatch(/closed bare in \d+ ms: 0 of 1 released, 1 still held/);
  });
});
