import type { ChildProcess, SpawnOptions } from 'node:child_process';
import type { Worker, WorkerOptions } from 'node:worker_threads';
import { builtin, monotonicMs, settleBy, WatertightError } from '../core/index.js';
import type { HoldOptions, ReleaseContext } from './entry.js';
import type { Scope } from './scope.js';
import { checkOptions } from './settings.js';

/** Of the time for its end, what is kept for killing a process that does not end when it is asked, and the most of it. */
const KILL_SHARE = 0.2;
const KILL_MS = 500;

/** Asks a child process to end, then makes it, and waits until it has. @throws WatertightError WT_SCOPE_PROCESS_KILLED */
export async function endProcess(child: ChildProcess, { deadlineAt }: ReleaseContext): Promise<void> {
  if (hasEnded(child)) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const askedAt = monotonicMs();
  const killAt = deadlineAt - Math.min(KILL_MS, (deadlineAt - askedAt) * KILL_SHARE);
  if ((await settleBy(ended, killAt)) === 'settled') return;
  killProcess(child);
  await ended;
  const message = `Process ${child.pid} was killed as it did not end within ${Math.round(killAt - askedAt)} ms of SIGTERM`;
  throw new WatertightError('WT_SCOPE_PROCESS_KILLED', message, {
    hint: 'give it more time by `timeoutMs`, or let it end on SIGTERM',
    details: { pid: child.pid },
  });
}

export function killProcess(child: ChildProcess): void {
  child.kill('SIGKILL');
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
}

export function startProcess(
  scope: Scope,
  command: string,
  args: readonly string[],
  options: SpawnOptions & HoldOptions<ChildProcess>,
): ChildProcess {
  const { timeoutMs, drain, abandon = killProcess, ...spawnOptions } = options;
  if (scope.isClosed) throw scope.closedError(`Process ${command}`);
  checkOptions(options);
  const child = builtin.childProcess.spawn(command, args, spawnOptions);
  // It could not be started: its error event follows, and is the caller's.
  if (child.pid === undefined) return child;
  const hold = { abandon, ...(timeoutMs === undefined ? {} : { timeoutMs }), ...(drain ? { drain } : {}) };
  const held = scope.hold(`process ${command} ${child.pid}`, child, endProcess, hold);
  child.once('exit', () => held.detach());
  return child;
}

export async function endWorker(worker: Worker): Promise<void> {
  await worker.terminate();
}

export function startWorker(scope: Scope, file: string | URL, options: WorkerOptions & HoldOptions<Worker>): Worker {
  const { timeoutMs, drain, abandon, ...workerOptions } = options;
  if (scope.isClosed) throw scope.closedError(`Worker ${String(file)}`);
  checkOptions(options);
  const worker = new builtin.threads.Worker(file, workerOptions);
  const hold = {
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(drain ? { drain } : {}),
    ...(abandon ? { abandon } : {}),
  };
  const held = scope.hold(`worker ${workerOptions.name ?? worker.threadId}`, worker, endWorker, hold);
  worker.once('exit', () => held.detach());
  return worker;
}
