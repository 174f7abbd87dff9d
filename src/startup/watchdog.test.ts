import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { BLOCKED_EXIT_CODE } from './watchdog.js';

const FIXTURE = fileURLToPath(new URL('./blocked.fixture.ts', import.meta.url));
const BUDGET_MS = 200;

interface Line {
  readonly begunAt?: number;
  readonly released?: string;
  readonly exit?: number;
  readonly text?: string;
  readonly inspector?: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the program found.
  readonly result?: any;
}

/** A real process with the start-up of the fixture. */
class Program {
  readonly child: ChildProcess;
  readonly lines: Line[] = [];
  stderr = '';
  readonly #ended: Promise<{ code: number | null; signal: string | null; endedAt: number }>;
  #tell: (() => void) | null = null;

  constructor(how: string, more: object = {}, flags: readonly string[] = []) {
    const orders = JSON.stringify({ how, budgetMs: BUDGET_MS, ...more });
    this.child = spawn(process.execPath, [...flags, '--import', 'tsx', FIXTURE, orders], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stderr!.setEncoding('utf8').on('data', (text) => {
      this.stderr += text;
    });
    createInterface({ input: this.child.stdout! }).on('line', (line) => {
      this.lines.push(JSON.parse(line));
      this.#tell?.();
    });
    const exit = once(this.child, 'exit').then(() => Date.now());
    this.#ended = once(this.child, 'close').then(async ([code, signal]) => ({ code, signal, endedAt: await exit }));
    programs.push(this);
  }

  /** The first line that has `key`, now or later. */
  async line<Key extends keyof Line>(key: Key): Promise<NonNullable<Line[Key]>> {
    for (;;) {
      const line = this.lines.find((one) => one[key] !== undefined);
      if (line) return line[key]!;
      await new Promise<void>((resolve) => {
        this.#tell = resolve;
      });
    }
  }

  /** How it ended, and how long after its step had begun. */
  async end(): Promise<{ code: number | null; signal: string | null; afterMs: number }> {
    const { code, signal, endedAt } = await this.#ended;
    const begunAt = this.lines.find((line) => line.begunAt !== undefined)?.begunAt ?? endedAt;
    return { code, signal, afterMs: endedAt - begunAt };
  }
}

const programs: Program[] = [];
afterEach(() => {
  for (const { child } of programs.splice(0)) child.kill('SIGKILL');
});

describe('a step that blocks the event loop for ever', () => {
  for (const [how, frame] of [
    ['loop', /at Object\.loop \(.*blocked\.fixture\.ts:\d+:\d+\)/],
    ['allocations', /at Object\.allocations \(.*blocked\.fixture\.ts/],
    ['regex', /at RegExp\.test .*\n +at Object\.regex \(.*blocked\.fixture\.ts/],
    [
      'promises',
      /between two callbacks of promises|at (Promise\.then|Function\.resolve|Promise\.resolve|again|process\.processTicks|runMicrotasks)/,
    ],
    ['atomics', /at Atomics\.wait .*\n +at Object\.atomics \(.*blocked\.fixture\.ts/],
  ] as const) {
    test(`${how}: is named with its stack, and the process ends with 70 after its limit`, async () => {
      const program = new Program(how);
      const { code, afterMs } = await program.end();
      expect(program.stderr).toContain('watertight: the step dependencies/database blocks the event loop');
      expect(program.stderr).toMatch(frame);
      expect(program.stderr).toContain('the process ends with code 70');
      expect(code).toBe(BLOCKED_EXIT_CODE);
      expect(afterMs).toBeGreaterThan(BUDGET_MS);
    });
  }

  test('is told without the frames that are ours', async () => {
    const program = new Program('loop');
    await program.end();
    expect(program.stderr).toMatch(
      /at Object\.loop .*\n +at innermost .*\n +at Object\.blocking .*\n +the process ends/,
    );
    expect(program.stderr).not.toMatch(/Watchdog|AsyncLocalStorage|<anonymous>/);
  });

  test('is named also after an await, when others run beside it', async () => {
    const program = new Program('loop', { isLater: true });
    expect((await program.end()).code).toBe(BLOCKED_EXIT_CODE);
    expect(program.stderr).toMatch(/step dependencies\/database blocks[\s\S]*at Object\.loop[\s\S]*at innermost/);
  });

  for (const [how, fact] of [
    ['command', /child processes: \d+ \/bin\/sh -c sleep 60|child processes: \d+ sleep 60/],
    ['crypto', /state of the thread: R/],
  ] as const) {
    test(`in native code (${how}): is named with what the system knows, and the process ends with 70 all the same`, async () => {
      const program = new Program(how);
      const { code } = await program.end();
      expect(program.stderr).toContain('watertight: the step dependencies/database blocks the event loop');
      expect(program.stderr).toContain('in native code, where its stack cannot be seen');
      expect(program.stderr).toMatch(fact);
      expect(code).toBe(BLOCKED_EXIT_CODE);
    });
  }

  for (const how of ['loop', 'command', 'release', 'rollback', 'exit listener hangs']) {
    // How soon is for the bench (`bench/startup/blocked.bench.ts`): a crowded machine has no say here.
    test(`${how}: the process is ended with 70`, async () => {
      expect(await new Program(how).end()).toMatchObject({ code: BLOCKED_EXIT_CODE, signal: null });
    });
  }

  test('ends the process with the code that was asked for', async () => {
    expect((await new Program('loop', { watchdog: { exitCode: 200 } }).end()).code).toBe(200);
    expect((await new Program('command', { watchdog: { exitCode: 3 } }).end()).code).toBe(3);
  });

  test('is killed where there is no WebAssembly, and so no code to end with', async () => {
    const program = new Program('loop', {}, ['--jitless']);
    expect(await program.end()).toMatchObject({ code: null, signal: 'SIGKILL' });
    expect(program.stderr).toMatch(/at Object\.loop [\s\S]*the process is killed, as WASI is not to be had/);
  });

  test('lets the listeners of exit run, and does not wait for one that hangs', async () => {
    const program = new Program('loop');
    await program.end();
    expect(await program.line('exit')).toBe(BLOCKED_EXIT_CODE);
    const hanging = await new Program('exit listener hangs').end();
    expect(hanging.code).toBe(BLOCKED_EXIT_CODE);
  });

  for (const [where, what] of [
    ['release', 'step dependencies/database'],
    ['rollback', 'rollback of the start-up'],
  ] as const) {
    test(`in a ${where}: is told with its stack`, async () => {
      const program = new Program(where);
      const { code } = await program.end();
      expect(program.stderr).toContain(`watertight: the ${what} blocks the event loop`);
      expect(program.stderr).toMatch(/at .*spinning .*blocked\.fixture\.ts/);
      expect(code).toBe(BLOCKED_EXIT_CODE);
    });
  }

  test('in native code, before its first await, is told apart from a step that waits beside it', async () => {
    const program = new Program('native beside');
    expect((await program.end()).code).toBe(BLOCKED_EXIT_CODE);
    expect(program.stderr).toContain('watertight: the step dependencies/computes blocks the event loop');
    expect(program.stderr).toContain('running beside it: step dependencies/waits');
  });

  test('has its own time, not that of a step which waits beside it', async () => {
    const program = new Program('beside');
    const { code, afterMs } = await program.end();
    expect(program.stderr).toContain('the step dependencies/computes blocks');
    expect(program.stderr).toContain('running beside it: step dependencies/waits');
    expect(code).toBe(BLOCKED_EXIT_CODE);
    // It began after half of the short limit, and has ten times that limit.
    expect(afterMs).toBeGreaterThan(9 * BUDGET_MS);
  });
});

describe('what the watchdog leaves alone', () => {
  test('a block that ends within the grace: the step has timed out, like any other', async () => {
    // Long enough for the thread to be there when the limit passes.
    const program = new Program('a little too long', { budgetMs: 1_000 });
    expect((await program.end()).code).toBe(0);
    expect(await program.line('result')).toMatchObject({
      status: 'failed',
      failed: { name: 'database', status: 'timeout' },
    });
    expect(await program.line('released')).toBe('thing');
    expect(program.stderr).toBe('');
  });

  test('anything, when it is off', async () => {
    const program = new Program('far too long', { watchdog: false });
    expect((await program.end()).code).toBe(0);
    expect(await program.line('result')).toMatchObject({
      watchdog: 'off',
      failed: { name: 'database', status: 'timeout' },
    });
  });

  test('a step that waits and does not block', async () => {
    const program = new Program('hangs');
    expect((await program.end()).code).toBe(0);
    expect(await program.line('result')).toMatchObject({
      watchdog: 'on',
      failed: { status: 'timeout', isAbandoned: true },
    });
    expect(program.stderr).toBe('');
  });

  test('a process that was stopped: it goes on as if nothing had been', async () => {
    const program = new Program('hangs', { budgetMs: 500 });
    await program.line('begunAt');
    program.child.kill('SIGSTOP');
    // Longer than the limit and the grace.
    await pause(2_000);
    program.child.kill('SIGCONT');
    expect((await program.end()).code).toBe(0);
    expect(await program.line('result')).toMatchObject({ failed: { name: 'database', status: 'timeout' } });
    expect(program.stderr).toBe('');
  });

  test('a process that a debugger has paused, until it goes on', async () => {
    const program = new Program('debugger');
    const socket = new WebSocket(await program.line('inspector'));
    await once(socket, 'open');
    const paused = new Promise<void>((resolve) => {
      socket.on('message', (data) => {
        const message = JSON.parse(String(data));
        if (message.method === 'Debugger.paused') resolve();
        if (message.id === 1) program.child.kill('SIGUSR2');
      });
    });
    socket.send(JSON.stringify({ id: 1, method: 'Debugger.enable' }));
    await paused;
    await pause(BUDGET_MS + 2_000);
    expect(program.child.exitCode).toBeNull();
    socket.send(JSON.stringify({ id: 2, method: 'Debugger.resume' }));
    expect(await program.line('result')).toMatchObject({ failed: { name: 'database', status: 'timeout' } });
    socket.close();
    expect((await program.end()).code).toBe(0);
    expect(program.stderr).not.toContain('blocks the event loop');
  });
});

describe('Watchdog.close()', () => {
  test('leaves no thread, no child, no open inspector and no global behind; it has one thread while it watches', async () => {
    const program = new Program('census');
    expect((await program.end()).code).toBe(0);
    const [, first, during, second, , third] = await program.line('result');
    const nothing = { children: 0, symbols: 0, inspector: null };
    expect(first).toMatchObject(nothing);
    expect(second).toEqual(first);
    expect(third).toEqual(first);
    expect(during).toEqual({ children: 0, symbols: 1, inspector: null, threads: first.threads + 1 });
  });

  test('a start-up in a worker thread runs unwatched and says so', async () => {
    const program = new Program('worker');
    expect((await program.end()).code).toBe(0);
    const reports = program.lines.map(({ result }) => result).filter((result) => result?.watchdog);
    expect(reports).toEqual([expect.objectContaining({ status: 'completed', watchdog: 'not in a worker thread' })]);
  });
});

test('SIGTERM during the start-up releases what was taken and ends it as cancelled', async () => {
  const program = new Program('signal', { budgetMs: 60_000 });
  await program.line('begunAt');
  program.child.kill('SIGTERM');
  expect((await program.end()).code).toBe(0);
  expect(await program.line('released')).toBe('thing');
  expect(await program.line('result')).toMatchObject({ status: 'cancelled' });
});
