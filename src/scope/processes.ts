import type { ChildProcess, SpawnOptions } from 'node:child_process';
import type { Worker, WorkerOptions } from 'node:worker_threads';
import { builtin } from '../core/index.js';
import type { HoldOptions } from './entry.js';
import type { Scope } from './scope.js';
import { checkOptions } from './settings.js';

/** Asks a child process to end, and waits until it has. */
export async function endProcess(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  await ended;
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
