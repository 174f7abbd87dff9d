import type { EventEmitter } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { builtin } from '../core/index.js';
import type { Release } from './entry.js';
import { endProcess, endWorker, killProcess } from './processes.js';
import { endWebSocketServer, isWebSocketServer } from './web-sockets.js';

/** Ways in which objects are closed, tried in this order: the gentle ones first. */
const METHODS = ['close', 'end', 'quit', 'disconnect', 'destroy', 'terminate', 'stop'] as const;

type CloseMethod = (typeof METHODS)[number];

/** An object that knows how to close itself. */
export type Closable =
  | AsyncDisposable
  | Disposable
  | { [Method in CloseMethod]: Record<Method, (...args: never[]) => unknown> }[CloseMethod];

interface ReleaseWay {
  readonly name: string;
  readonly release: Release<never>;
  readonly abandon?: (value: never) => unknown;
  readonly drain?: Release<never>;
}

/** How `resource` is closed. @throws TypeError when no way is known */
export function releaseOf(resource: object): ReleaseWay {
  const name = nameOf(resource);
  const known = resource instanceof builtin.events.EventEmitter ? releaseOfEmitter(name, resource) : undefined;
  if (known) return known;
  const { [Symbol.asyncDispose]: disposeAsync, [Symbol.dispose]: dispose } = resource as Partial<
    AsyncDisposable & Disposable
  >;
  if (typeof disposeAsync === 'function') return { name, release: () => disposeAsync.call(resource) };
  if (typeof dispose === 'function') return { name, release: () => dispose.call(resource) };
  for (const method of METHODS) {
    const close = (resource as Record<string, unknown>)[method];
    // Without arguments: a function given as `force` or `timeout` would mean something else.
    if (typeof close === 'function') return { name, release: () => close.call(resource) as unknown };
  }
  throw new TypeError(
    `scope.use(resource): ${name} has neither Symbol.asyncDispose, Symbol.dispose nor ${METHODS.join(', ')}; use scope.hold(name, resource, release)`,
  );
}

/** Those of Node and `ws` that have a better end than the method of their own. */
function releaseOfEmitter(name: string, resource: EventEmitter): ReleaseWay | undefined {
  const { Readable, Writable } = builtin.stream;
  // A stream's own asyncDispose destroys it, and with it what was written and is not yet out.
  if (resource instanceof Writable) return { name, release: endWritable, abandon: destroy };
  if (resource instanceof Readable) return { name, release: endReadable };
  if (resource instanceof builtin.childProcess.ChildProcess) return { name, release: endProcess, abandon: killProcess };
  if (resource instanceof builtin.threads.Worker) return { name, release: endWorker };
  // Its clients are told at once, whatever is released before it: an HTTP server below it would cut them.
  if (isWebSocketServer(resource)) return { name, release: endWebSocketServer, drain: endWebSocketServer };
  return undefined;
}

function nameOf(resource: object): string {
  const { name } = (resource.constructor ?? {}) as { name?: unknown };
  return typeof name === 'string' && name !== '' ? name : 'object';
}

/** Writes out what was written, then closes. */
async function endWritable(stream: Writable): Promise<void> {
  if (stream.destroyed) return;
  const isDuplex = stream instanceof builtin.stream.Readable;
  const written = builtin.stream.promises.finished(stream, { readable: false });
  stream.end();
  await written;
  if (isDuplex) stream.destroy();
}

async function endReadable(stream: Readable): Promise<void> {
  if (stream.destroyed && stream.closed) return;
  const closed = new Promise<void>((resolve) => stream.once('close', () => resolve()));
  stream.destroy();
  await closed;
}

function destroy(stream: Writable): void {
  stream.destroy();
}
