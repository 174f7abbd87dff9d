import type { Worker } from 'node:worker_threads';
import { checkCallback, checkOptionNames, kindOf, settleBy, WatertightError } from '../core/index.js';
import { CallChain } from './call-chain.js';

/** Activity of an idle event loop between two looks, in ms: measured < 0.002 beside 0.3 for one message. */
const QUIET_MS = 0.02;
/** A loop that has not come to rest for so long counts as blocked. */
const BLOCKED_MS = 1_000;
/** Share of the time left that a thread gets to end by itself. */
const ASK_SHARE = 0.7;

/** Decides whether a thread is stale. */
export interface ThreadRegistration {
  /** For reports; `thread 7` if not given. */
  readonly name?: string;
  /** Who started it, for reports. */
  readonly owner?: string;
  /**
   * How long it has had nothing to do: ms, or null while it works. `'event-loop'` takes the time in which its event
   * loop never turned: only right for threads that wait for nothing else. Without it the thread is never swept.
   */
  readonly idle?: 'event-loop' | (() => number | null);
  /** Asks the thread to end. It is terminated when it is not gone once the promise settles, or in time. */
  readonly end?: (limits: { readonly deadlineAt: number }) => unknown;
}

/** All names, held against the type by the compiler. */
export const REGISTRATION_NAMES: readonly string[] = Object.keys({
  name: 0,
  owner: 0,
  idle: 0,
  end: 0,
} satisfies Record<keyof ThreadRegistration, 0>);

/** @throws TypeError naming what is wrong */
export function checkRegistration(registration: ThreadRegistration): void {
  const where = 'registry.register(worker, registration)';
  checkOptionNames(where, registration, REGISTRATION_NAMES);
  const { name, owner, idle, end } = registration;
  for (const [option, text] of Object.entries({ name, owner })) {
    if (text !== undefined && typeof text !== 'string')
      throw new TypeError(`${where}: ${option} must be a text, not ${kindOf(text)}`);
  }
  if (idle !== 'event-loop') checkCallback(where, 'idle', idle);
  checkCallback(where, 'end', end);
}

/**
 * `busy`: its loop did something since the last look. `blocked`: its loop has not come to rest for a second; `ending`: it was asked to; `unresponsive`: it was terminated
 * and is still there, so it runs native code.
 */
export type ThreadState = 'starting' | 'idle' | 'busy' | 'blocked' | 'ending' | 'unresponsive' | 'ended';

/** What is known of a thread; plain data. */
export interface ThreadInfo {
  readonly threadId: number;
  readonly name: string;
  readonly owner: string | undefined;
  readonly isRegistered: boolean;
  readonly state: ThreadState;
  readonly ageMs: number;
  /** Since its event loop was last seen to turn. */
  readonly heartbeatAgeMs: number;
  /** null: it works, or has no idle notion. */
  readonly idleMs: number | null;
  /** Values of `ThreadLocal` that it holds. */
  readonly locals: number;
}

/** A failure on the way to the end of a thread. */
export interface ThreadFailure {
  readonly name: string;
  readonly threadId: number;
  /** `end`: the callback; `local`: a disposer in the thread; `left-behind`: a release in the main thread. */
  readonly phase: 'end' | 'local' | 'left-behind';
  readonly error: unknown;
}

/** Of all registries: a cleanup that calls another registry's must not wait in a circle either. */
export const cleanups = new CallChain<ThreadRecord>();

/** One thread that a registry knows: its pulse, and its one end. */
export class ThreadRecord {
  readonly worker: Worker;
  readonly threadId: number;
  registration: ThreadRegistration | null = null;
  /** Descriptions of the thread-local values that it holds, by id. */
  readonly locals = new Map<number, { readonly name: string; readonly description: unknown }>();
  readonly exited: Promise<void>;
  readonly failures: ThreadFailure[] = [];
  readonly #startedAt = performance.now();
  #asking: Promise<void> | null = null;
  #isTerminated = false;
  #hasExited = false;
  #activeMs = 0;
  #restMs = 0;
  #activeAt = this.#startedAt;
  #beatAt = this.#startedAt;

  constructor(worker: Worker, onExit: (record: ThreadRecord) => void) {
    this.worker = worker;
    this.threadId = worker.threadId;
    this.exited = new Promise((resolve) => {
      worker.once('exit', () => {
        this.#hasExited = true;
        onExit(this);
        resolve();
      });
    });
  }

  get name(): string {
    return this.registration?.name ?? `thread ${this.threadId}`;
  }

  get isEnding(): boolean {
    return this.#asking !== null;
  }

  get hasExited(): boolean {
    return this.#hasExited;
  }

  /** Reads the thread's clock of rest and activity, which needs nothing of the thread. Cost: ≈ 0.3 µs. */
  look(): void {
    if (this.#hasExited) return;
    const { active, idle } = this.worker.performance.eventLoopUtilization();
    const now = performance.now();
    if (active - this.#activeMs > QUIET_MS) this.#activeAt = now;
    if (idle > this.#restMs) this.#beatAt = now;
    this.#activeMs = active;
    this.#restMs = idle;
  }

  /** Since `look()`. */
  get idleMs(): number | null {
    const idle = this.registration?.idle;
    if (idle === undefined || this.isEnding) return null;
    return idle === 'event-loop' ? performance.now() - this.#activeAt : idle();
  }

  info(): ThreadInfo {
    const now = performance.now();
    const { registration } = this;
    return {
      threadId: this.threadId,
      name: this.name,
      owner: registration?.owner,
      isRegistered: registration !== null,
      state: this.#state(now),
      ageMs: now - this.#startedAt,
      heartbeatAgeMs: now - this.#beatAt,
      idleMs: this.idleMs,
      locals: this.locals.size,
    };
  }

  #state(now: number): ThreadState {
    if (this.#hasExited) return 'ended';
    if (this.#isTerminated) return 'unresponsive';
    if (this.isEnding) return 'ending';
    if (this.#activeMs === 0 && this.#restMs === 0) return 'starting';
    if (now - this.#beatAt > BLOCKED_MS) return 'blocked';
    return this.#activeAt > this.#beatAt - QUIET_MS ? 'busy' : 'idle';
  }

  /** Asks, once in its life; then terminates; then waits. Never rejects, and settles by `deadlineAt`. */
  async end(deadlineAt: number): Promise<void> {
    const now = performance.now();
    const askUntil = now + (deadlineAt - now) * ASK_SHARE;
    this.#asking ??= this.#ask(askUntil);
    const answer = await settleBy(this.#asking, askUntil);
    if (this.#hasExited) return;
    if (answer === 'deadline' && !this.#isTerminated) this.#failSlowEnd(now);
    this.#isTerminated = true;
    void this.worker.terminate();
    await settleBy(this.exited, deadlineAt);
  }

  async #ask(deadlineAt: number): Promise<void> {
    const end = this.registration?.end;
    if (end === undefined) return;
    // A nested call must find the thread ending: `#asking` is set when this function first yields.
    await null;
    try {
      await cleanups.run(this, () => end({ deadlineAt }));
    } catch (error) {
      this.fail('end', error);
    }
  }

  #failSlowEnd(askedAt: number): void {
    const waitedMs = Math.round(performance.now() - askedAt);
    const message = `Cannot let thread ${this.name} end by itself as its end has not settled after ${waitedMs} ms`;
    this.fail('end', new WatertightError('WT_THREADS_END_TIMEOUT', message, { hint: 'the thread was terminated' }));
  }

  fail(phase: ThreadFailure['phase'], error: unknown): void {
    this.failures.push({ name: this.name, threadId: this.threadId, phase, error });
  }
}
