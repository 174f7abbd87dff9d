import {
  checkOptionNames,
  checkOwner,
  checkSignal,
  kindOf,
  type Owned,
  type Owner,
  WatertightError,
} from '../core/index.js';
import { checkLabel, thisOwner } from './lease.js';
import { parseOwnerUid } from './lease-name.js';
import { giveBack, holderUid, isLeftBehind, lockPath, tryTake } from './lock-file.js';

/** Between two looks at a lock that is held: grows from the first to the last. */
const FIRST_LOOK_MS = 1;
const LAST_LOOK_MS = 50;
/** A lock whose holder is dead is held for an instant by whoever removes its file, and waited for even by who does not wait. */
const SWEEP_MS = 100;

export interface LockOptions {
  readonly scope?: Owner | undefined;
  /** Longest wait for whoever holds it, in ms; 0 (the default) does not wait. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A lock that is held: by one process of this user on this machine at a time. */
export class Lock implements Disposable {
  readonly name: string;
  #fd: number | undefined;
  #held: Owned | undefined;

  constructor(name: string, fd: number) {
    this.name = name;
    this.#fd = fd;
  }

  get isHeld(): boolean {
    return this.#fd !== undefined;
  }

  /** @internal */
  heldBy(scope: Owner | undefined): this {
    if (scope) this.#held = scope.defer(`lock ${this.name}`, () => this.release());
    return this;
  }

  /** Gives it back; once. */
  release(): void {
    const fd = this.#fd;
    if (fd === undefined) return;
    this.#fd = undefined;
    this.#held?.detach();
    giveBack(fd);
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

/**
 * Takes a lock by name, for all processes of this user on this machine: one instance of a service, one migration at a time.
 * The kernel gives it back when its process ends, however that ends (open file description lock, fcntl(2)).
 *
 * Waiting is polling, after 1 ms and then ever later up to 50 ms; there is no order among those who wait.
 *
 * @throws WatertightError WT_LEASES_LOCKED when it is held by another, WT_NATIVE_UNAVAILABLE, WT_LEASES_FOLDER; the reason of `signal`
 */
export async function lock(name: string, options: LockOptions = {}): Promise<Lock> {
  const where = 'lease.lock(name, options)';
  checkOptionNames(where, options, ['scope', 'timeoutMs', 'signal']);
  checkOwner(where, options.scope);
  checkSignal(where, options.signal);
  if (name === undefined)
    throw new TypeError(`${where}: name must be 1 to 63 letters, digits, "_" or "-", not undefined`);
  checkLabel(where, 'name', name);
  const { timeoutMs = 0 } = options;
  if (typeof timeoutMs !== 'number' || !(timeoutMs >= 0 && timeoutMs < 2 ** 31)) {
    throw new RangeError(`${where}: timeoutMs must be 0 to 2147483647 ms, not ${kindOf(timeoutMs)}`);
  }
  const waiting = new Waiting(name, options);
  try {
    return await take(name, timeoutMs, waiting.signal).then((fd) => new Lock(name, fd).heldBy(options.scope));
  } finally {
    waiting.end();
  }
}

/** Whose end is the end of a wait for a lock: the caller's signal, and the scope that is to hold it. */
class Waiting {
  readonly #ended = new AbortController();
  readonly #held: Owned | undefined;
  readonly #outer: AbortSignal | undefined;
  readonly #onOuter = () => this.#ended.abort(this.#outer?.reason);

  constructor(name: string, { scope, signal }: LockOptions) {
    this.#outer = signal;
    if (signal?.aborted) this.#onOuter();
    signal?.addEventListener('abort', this.#onOuter);
    this.#held = scope?.defer(`wait for the lock ${name}`, () => this.#ended.abort(scopeClosed(name)));
  }

  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  end(): void {
    this.#held?.detach();
    this.#outer?.removeEventListener('abort', this.#onOuter);
  }
}

function scopeClosed(name: string): WatertightError {
  return new WatertightError('WT_SCOPE_CLOSED', `Cannot take the lock ${name} as its scope has closed`, {
    hint: 'take it while the scope is open',
  });
}

async function take(name: string, timeoutMs: number, signal: AbortSignal): Promise<number> {
  const path = lockPath(name);
  const deadlineAt = performance.now() + timeoutMs;
  const sweptBy = performance.now() + SWEEP_MS;
  for (let waitMs = FIRST_LOOK_MS; ; waitMs = Math.min(waitMs * 2, LAST_LOOK_MS)) {
    signal.throwIfAborted();
    const fd = tryTake(path, thisOwner().uid);
    if (fd !== undefined) return fd;
    const leftMs = (isLeftBehind(path) ? Math.max(deadlineAt, sweptBy) : deadlineAt) - performance.now();
    if (leftMs <= 0) throw lockedFailure(name, path, timeoutMs);
    await pause(Math.min(waitMs, leftMs), signal);
  }
}

function lockedFailure(name: string, path: string, timeoutMs: number): WatertightError {
  const uid = holderUid(path);
  const pid = uid === undefined ? undefined : parseOwnerUid(uid).pid;
  const by = pid === undefined ? 'another process' : `process ${pid}`;
  const within = timeoutMs === 0 ? '' : ` and did not give it back within ${timeoutMs} ms`;
  return new WatertightError('WT_LEASES_LOCKED', `Cannot take the lock ${name} as ${by} holds it${within}`, {
    hint: timeoutMs === 0 ? 'wait for it by `timeoutMs`, or end that process' : 'end that process, or wait longer',
    details: { name, ...(pid === undefined ? {} : { pid }) },
  });
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      if (signal.aborted) reject(signal.reason);
      else resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
