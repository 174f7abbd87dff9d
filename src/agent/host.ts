/** Entry point of the child process that runs a scenario: waits for the runner's commands and runs iterations. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Commands, ENVIRONMENT, type Problem, type RunAnswer } from '../monitor/index.js';
import { Scope } from '../scope/index.js';
import { agent } from './preload.js';

type Iterate = (iteration: number, scope: Scope) => unknown;
interface Scenario {
  readonly iterate: Iterate;
  readonly setup: ((scope: Scope) => unknown) | null;
  readonly teardown: (() => unknown) | null;
}

/** The event loop gets a turn this often, so that timers, sockets and finalizers of a synchronous scenario run. */
const TURN_MS = 5;

const file = process.env[ENVIRONMENT.scenario] ?? '';
const reportDir = process.env[ENVIRONMENT.reports] ?? '.';
/** The lines that acquire are found by tracing, where there is something to find. */
const ITERATION = { sites: 'off' } as const;
const lifetime = new Scope('scenario', ITERATION);
let scenario: Scenario | null = null;
let at = -1;
let running = false;
let hasEnded = false;
let phase: Problem['phase'] = 'load';

if (!agent) throw new Error('the scenario host is started by `watertight soak`');
const connection = agent;
connection.keepAlive(true);

connection.serve({
  setup: () => attempt('setup', setup),
  run,
  teardown: async () => {
    const answer = await attempt('teardown', teardown);
    hasEnded = true;
    setImmediate(() => process.exit(0));
    return answer;
  },
});

setInterval(() => {
  if (running) connection.send({ at });
}, 200).unref();

process.on('uncaughtExceptionMonitor', (error) => {
  // A scenario with a handler of its own goes on.
  if (process.listenerCount('uncaughtException') === 0) leaveBehind('unhandled', error);
});
process.on('exit', (code) => {
  if (!hasEnded) leaveBehind('exit', new Error(`process.exit(${code}) was called`));
});
process.on('beforeExit', () => leaveBehind('stalled', new Error('nothing is left that could settle its promise')));

async function setup(): Promise<void> {
  phase = 'load';
  scenario = await load(file).catch((error: unknown) => {
    throw error instanceof SyntaxError ? located(error) : error;
  });
  phase = 'setup';
  await scenario.setup?.(lifetime);
  phase = 'iteration';
}

async function teardown(): Promise<void> {
  phase = 'teardown';
  await scenario?.teardown?.();
  await lifetime.disposeAsync();
}

async function run({ from, count, maxMs }: Commands['run']['args']): Promise<RunAnswer> {
  const { iterate } = scenario!;
  // Only the scenario's own work keeps the process alive now: without any, its promise can never settle.
  connection.keepAlive(false);
  running = true;
  const start = performance.now();
  let turn = start;
  let done = 0;
  let problem: Problem | null = null;
  while (done < count) {
    at = from + done;
    try {
      const scope = new Scope('iteration', ITERATION);
      const result = iterate(at, scope);
      if (isThenable(result)) await result;
      await scope.disposeAsync();
    } catch (error) {
      problem = describe('iteration', error);
      break;
    }
    done++;
    const now = performance.now();
    if (now - start >= maxMs) break;
    if (now - turn >= TURN_MS) {
      await new Promise((resolve) => setImmediate(resolve));
      turn = performance.now();
    }
  }
  running = false;
  connection.keepAlive(true);
  return { done, ms: performance.now() - start, problem };
}

async function attempt(name: 'setup' | 'teardown', step: () => Promise<void>): Promise<{ problem: Problem | null }> {
  connection.keepAlive(false);
  try {
    await step();
    return { problem: null };
  } catch (error) {
    return { problem: describe(phase === 'load' ? 'load' : name, error) };
  } finally {
    connection.keepAlive(true);
  }
}

/** Modules come as ESM, as CommonJS with `exports.default`, or as CommonJS whose export is the function itself. */
async function load(path: string): Promise<Scenario> {
  const loaded = (await import(pathToFileURL(path).href)) as Record<string, unknown>;
  const fallback = loaded.default as Record<string, unknown> | undefined;
  const nested = typeof fallback === 'object' && fallback !== null ? fallback : null;
  const iterate = nested ? nested.default : fallback;
  const member = (name: string): (() => unknown) | null => {
    const value = loaded[name] ?? nested?.[name] ?? (typeof fallback === 'function' ? fallback[name] : undefined);
    return typeof value === 'function' ? (value as () => unknown) : null;
  };
  if (typeof iterate !== 'function') {
    const names = Object.keys(loaded).join(', ') || 'nothing';
    throw Object.assign(new Error(`no default export that is a function (it exports ${names})`), {
      code: 'WT_SOAK_NO_DEFAULT_EXPORT',
    });
  }
  return { iterate: iterate as Iterate, setup: member('setup'), teardown: member('teardown') };
}

/** V8 knows where a module's syntax error is; Node.js tells only on the error output of a process that dies of it. */
function located(error: SyntaxError): SyntaxError {
  const frames = error.stack?.split('\n').slice(1) ?? [];
  const isCompiling = frames.every((frame) => frame.includes('node:internal'));
  if (!error.stack?.startsWith('SyntaxError') || !isCompiling) return error;
  const code = `import(${JSON.stringify(pathToFileURL(file).href)})`;
  const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    env: { ...process.env, NODE_OPTIONS: '' },
    encoding: 'utf8',
    timeout: 5_000,
  });
  const end = stderr.indexOf(`SyntaxError: ${error.message}`);
  if (end > 0) error.stack = `${stderr.slice(0, end).trimEnd()}\n\nSyntaxError: ${error.message}`;
  return error;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null)?.then === 'function';
}

function describe(kind: Problem['phase'], error: unknown): Problem {
  return {
    phase: kind,
    code: textOf(error, 'code', 200),
    message: textOf(error, 'message', 2_000),
    stack: textOf(error, 'stack', 8_000),
    iteration: at,
  };
}

/** Anything can be thrown, also what throws when it is looked at. */
function textOf(error: unknown, name: 'code' | 'message' | 'stack', maxChars: number): string {
  try {
    const value = (error as Record<string, unknown> | null | undefined)?.[name];
    return String(value ?? (name === 'message' ? error : '')).slice(0, maxChars);
  } catch {
    return name === 'message' ? 'something that cannot be shown' : '';
  }
}

/** The last words of a process that ends on its own: the socket may not be flushed any more, a file is. */
function leaveBehind(why: 'exit' | 'unhandled' | 'stalled', error: unknown): void {
  try {
    const words = { ...describe(why === 'unhandled' ? 'unhandled' : phase, error), why };
    writeFileSync(join(reportDir, 'last-words.json'), JSON.stringify(words), { flag: 'wx' });
  } catch {
    // Said already, or the disk is full: the exit status tells the rest.
  }
}
