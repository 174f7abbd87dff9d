// A program whose start-up goes wrong in the way that it is told. Prints when its steps began, and its report if it comes so far.
import { execSync } from 'node:child_process';
import { pbkdf2Sync } from 'node:crypto';
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { url as inspectorUrl, open as openInspector } from 'node:inspector';
import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { procChildren, procThreads } from '../core/index.js';
import { Scope } from '../scope/index.js';
import { Startup, startupText, type WatchdogOptions } from './index.js';

interface Orders {
  readonly how: string;
  readonly budgetMs?: number;
  readonly watchdog?: WatchdogOptions | false;
  /** Blocks only after an await, when nobody sees from where it was called. */
  readonly isLater?: boolean;
}

const orders: Orders = JSON.parse(process.argv[2] ?? '{}');
const { how, budgetMs = 200, watchdog, isLater = false } = orders;
const say = (line: object) => writeSync(1, `${JSON.stringify(line)}\n`);
const scope = new Scope('app');

const blockMs = (ms: number) => {
  for (const end = performance.now() + ms; performance.now() < end; );
};

const WAYS: Readonly<Record<string, () => unknown>> = {
  loop: () => {
    while (true);
  },
  allocations: () => {
    for (let kept: object[] = []; ; kept.push({})) if (kept.length > 1e6) kept = [];
  },
  regex: () => /^(a+)+$/.test(`${'a'.repeat(60)}b`),
  promises: () => {
    const again = (): Promise<void> => Promise.resolve().then(again);
    return again();
  },
  atomics: () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
  command: () => execSync('sleep 60'),
  crypto: () => pbkdf2Sync('a', 'b', 2 ** 31 - 1, 64, 'sha512'),
  // As long as a step may take and 0.15 s: shorter than the grace.
  'a little too long': () => blockMs(budgetMs + 150),
  'far too long': () => blockMs(budgetMs + 1_500),
  hangs: () => new Promise(() => {}),
  'exit listener hangs': () => WAYS.loop?.(),
  debugger: () => {
    // biome-ignore lint/suspicious/noDebugger: the test is the debugger.
    debugger;
  },
};

function innermost(): unknown {
  say({ begunAt: Date.now() });
  return WAYS[how]?.();
}

async function blocking(): Promise<unknown> {
  if (isLater) await pause(1);
  return innermost();
}

function spinning(): void {
  say({ begunAt: Date.now() });
  while (true);
}

function hold(own: Scope): void {
  own.defer('thing', () => say({ released: 'thing' }));
}

const PROGRAMS: Readonly<Record<string, () => Promise<unknown>>> = {
  /** The step that blocks has three times the time of the one that waits beside it. */
  beside: async () =>
    new Startup({ scope, watchdog })
      .phase('dependencies')
      .step('waits', { timeoutMs: budgetMs }, () => pause(60_000))
      .step('computes', { timeoutMs: 10 * budgetMs, impact: 'warning' }, async () => {
        await pause(budgetMs / 2);
        say({ begunAt: Date.now() });
        while (true);
      })
      .run(),
  /** It calls native code before its first await, beside a step that has a minute. */
  'native beside': async () =>
    new Startup({ scope, watchdog })
      .phase('dependencies', { timeoutMs: 90_000 })
      .step('waits', { timeoutMs: 60_000, impact: 'warning' }, () => pause(60_000))
      .step('computes', { timeoutMs: budgetMs }, () => {
        say({ begunAt: Date.now() });
        WAYS.command?.();
      })
      .run(),
  /** The step without which it goes on cannot release what it took. */
  release: async () =>
    new Startup({ scope, watchdog, rollbackTimeoutMs: budgetMs })
      .phase('dependencies')
      .step('database', { impact: 'degraded' }, ({ scope: own }) => {
        own.defer('blocks', spinning);
        throw new Error('no route');
      })
      .run(),
  /** The step before it cannot. */
  rollback: async () =>
    new Startup({ scope, watchdog, rollbackTimeoutMs: budgetMs })
      .phase('dependencies')
      .step('config', {}, ({ scope: own }) => void own.defer('blocks', spinning))
      .step('database', { needs: ['config'] }, () => Promise.reject(new Error('no route')))
      .run(),
  signal: async () => {
    process.once('SIGTERM', () => void scope.close());
    return new Startup({ scope, watchdog })
      .phase('dependencies')
      .step('database', {}, ({ scope: own }) => hold(own))
      .step('hangs', { needs: ['database'] }, () => {
        say({ begunAt: Date.now() });
        return new Promise(() => {});
      })
      .run();
  },
  worker: async () => {
    // TypeScript is loaded by hand: `--import tsx` does not reach the threads of Node 20.
    const file = JSON.stringify(import.meta.url);
    const load = `import('tsx/esm/api').then(({ tsImport }) => tsImport(${file}, ${file}))`;
    const worker = new Worker(load, { eval: true, argv: [JSON.stringify({ how: 'nothing' })] });
    await new Promise((resolve) => worker.once('exit', resolve));
    return null;
  },
  census: async () => {
    const count = () => ({
      threads: procThreads(process.pid).length,
      children: procChildren(process.pid, [process.pid]).length,
      symbols: Object.getOwnPropertySymbols(globalThis).filter((symbol) => /watertight/.test(String(symbol))).length,
      inspector: inspectorUrl() ?? null,
    });
    const counts: object[] = [];
    for (let round = 0; round < 3; round++) {
      const startup = new Startup({ scope, watchdog, name: `start-up ${round}` })
        .phase('one')
        .step('a', {}, async () => {
          await pause(100);
          counts.push(count());
        });
      await startup.run();
      counts.push(count());
    }
    return counts;
  },
};

async function plain(): Promise<unknown> {
  const report = await new Startup({ scope, watchdog })
    .phase('dependencies')
    .step('config', {}, ({ scope: own }) => hold(own))
    .step('database', { needs: ['config'], timeoutMs: budgetMs }, blocking)
    .run();
  say({ text: startupText(report) });
  return report;
}

if (how === 'exit listener hangs') process.on('exit', () => WAYS.loop?.());
process.on('exit', (code) => say({ exit: code }));
if (how === 'debugger') {
  openInspector(0, '127.0.0.1');
  say({ inspector: inspectorUrl() });
  // Until the debugger has come.
  const waiting = setInterval(() => {}, 1_000);
  await once(process, 'SIGUSR2');
  clearInterval(waiting);
}
say({ result: await (PROGRAMS[how] ?? plain)() });
