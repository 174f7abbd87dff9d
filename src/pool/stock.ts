import { Deadline, DeadlineClock, monotonicMs } from '../core/index.js';
import { CreationRecord } from './creation-record.js';
import type { PoolFailure, PoolSettings } from './options.js';
import { stepTimeoutError } from './refusals.js';
import { Resource } from './resource.js';
import { type StepEnd, takeStep } from './step.js';

/** What a stock asks of its pool. */
export interface StockOwner<T> {
  /** Resources in whatever state, lent ones included. */
  readonly size: number;
  /** A resource was made, or found to work. */
  onReady(resource: Resource<T>): void;
  onCreateFailed(error: unknown): void;
  onFailure(failure: PoolFailure): void;
  /** Something ended: a place may be free. */
  onPlaceFree(): void;
}

/** Sweeps per `idleTimeoutMs`: an idle resource lives at most a quarter longer. */
const SWEEPS_PER_IDLE_TIME = 4;

/** Sweeps of all pools of this thread share one timer, which does not keep the process alive. */
const housekeeping = new DeadlineClock({ keepsAlive: false });

/** The supply of a pool: makes, keeps, checks, sweeps and destroys what is not on loan. Each step has its limit. */
export class Stock<T> extends Deadline {
  readonly #settings: PoolSettings<T>;
  readonly #owner: StockOwner<T>;
  /** The last one given back is lent first: the others may be swept. */
  #idle: Resource<T>[] = [];
  readonly #creations = new Set<CreationRecord>();
  checking = 0;
  destroying = 0;
  created = 0;
  destroyed = 0;
  /** Whose destroy threw or took too long. */
  failed = 0;
  #sweeps = 0;
  #isSweepDue: boolean;
  #keepsMin = false;

  constructor(settings: PoolSettings<T>, owner: StockOwner<T>) {
    super();
    this.#settings = settings;
    this.#owner = owner;
    // A pool without idle limit needs no sweep: as if one were always due already.
    this.#isSweepDue = settings.idleTimeoutMs === Number.POSITIVE_INFINITY;
  }

  get idle(): number {
    return this.#idle.length;
  }

  get creating(): number {
    return this.#creations.size;
  }

  /** Resources that will be ready soon, if all goes well. */
  get coming(): number {
    return this.#creations.size + this.checking;
  }

  get size(): number {
    return this.#idle.length + this.#creations.size + this.checking + this.destroying;
  }

  /** An idle one, not checked. */
  take(): Resource<T> | undefined {
    return this.#idle.pop();
  }

  /** An idle one that works, where that is known at once; else undefined, and the one that was asked is being checked. */
  takeReady(): Resource<T> | undefined {
    const resource = this.#idle.pop();
    const { validate } = this.#settings;
    if (resource === undefined || validate === undefined) return resource;
    let answer: boolean | PromiseLike<boolean>;
    try {
      answer = validate(resource.value);
      if (answer === true) return resource;
    } catch (error) {
      answer = Promise.reject(error);
    }
    this.#judge(resource, () => answer);
    return undefined;
  }

  takeAll(): Resource<T>[] {
    return this.#idle.splice(0);
  }

  /** Back from a loan, or new. */
  put(resource: Resource<T>): void {
    this.#idle.push(resource);
    if (!this.#isSweepDue) this.#setSweep();
  }

  /** For a resource that is used now: the sweep counts from here. */
  touch(resource: Resource<T>): void {
    resource.usedInSweep = this.#sweeps;
  }

  /** `onEnd` is told instead of the owner when it fails, and also when it succeeds. */
  create(onEnd?: (failure: { readonly error: unknown } | null) => void): void {
    const { name, stepTimeoutMs } = this.#settings;
    const creation = new CreationRecord(monotonicMs() + stepTimeoutMs);
    this.#creations.add(creation);
    const end = (end: StepEnd<T>) => {
      this.#creations.delete(creation);
      if (end.status === 'ok') {
        onEnd?.(null);
        this.#owner.onReady(this.#made(end.value));
        return;
      }
      const error = end.status === 'failed' ? end.error : stepTimeoutError(name, 'create', stepTimeoutMs);
      if (end.status === 'late') creation.abort(error);
      if (onEnd) onEnd({ error });
      else this.#owner.onCreateFailed(error);
      this.#owner.onPlaceFree();
    };
    takeStep(
      () => this.#settings.create(creation),
      creation.deadlineAt,
      end,
      (late) => {
        if (late.status === 'ok') this.destroy(this.#made(late.value));
      },
    );
  }

  /** Nobody wants what is being made any more; what arrives all the same is for the owner to destroy. */
  abortCreations(reason: unknown): void {
    for (const creation of this.#creations) creation.abort(reason);
  }

  /** Asks whether a resource works; it is ready then, else destroyed. */
  check(resource: Resource<T>, onEnd?: (isGood: boolean) => void): void {
    const { validate } = this.#settings;
    if (validate === undefined) this.#owner.onReady(resource);
    else this.#judge(resource, () => validate(resource.value), onEnd);
  }

  #judge(resource: Resource<T>, ask: () => boolean | PromiseLike<boolean>, onEnd?: (isGood: boolean) => void): void {
    const { name, stepTimeoutMs } = this.#settings;
    this.checking++;
    const end = (end: StepEnd<boolean>) => {
      this.checking--;
      const isGood = end.status === 'ok' && Boolean(end.value);
      if (isGood) this.#owner.onReady(resource);
      else {
        if (end.status === 'failed') this.#fail('validate', end.error);
        if (end.status === 'late') this.#fail('validate', stepTimeoutError(name, 'validate', stepTimeoutMs));
        this.destroy(resource);
      }
      onEnd?.(isGood);
    };
    takeStep(ask, monotonicMs() + stepTimeoutMs, end, () => {});
  }

  /** Called once for each resource, by whoever has taken it out of everywhere else. */
  destroy(resource: Resource<T>): void {
    const { name, stepTimeoutMs, destroy } = this.#settings;
    this.destroying++;
    const end = (end: StepEnd<unknown>) => {
      this.destroying--;
      if (end.status === 'ok') this.destroyed++;
      else {
        this.failed++;
        const isLate = end.status === 'late';
        this.#fail('destroy', isLate ? stepTimeoutError(name, 'destroy', stepTimeoutMs) : end.error);
      }
      this.#owner.onPlaceFree();
    };
    takeStep(
      () => destroy(resource.value),
      monotonicMs() + stepTimeoutMs,
      end,
      (late) => {
        if (late.status === 'failed') this.#fail('destroy', late.error);
      },
    );
  }

  /** From now on the sweep makes what is missing to `min`. */
  keepMin(): void {
    this.#keepsMin = true;
    if (!this.#isSweepDue) this.#setSweep();
  }

  /** No sweep any more. */
  stop(): void {
    housekeeping.remove(this);
    this.#isSweepDue = true;
  }

  onDeadline(): void {
    this.#sweeps++;
    this.#isSweepDue = false;
    const { min } = this.#settings;
    const isOld = (resource: Resource<T>) => this.#sweeps - resource.usedInSweep > SWEEPS_PER_IDLE_TIME;
    while (this.#idle[0] && isOld(this.#idle[0]) && this.#owner.size - this.destroying > min) {
      this.destroy(this.#idle.shift()!);
    }
    if (this.#keepsMin) for (let n = this.#owner.size; n < min; n++) this.create();
    if ((this.#idle.length > 0 || this.#keepsMin) && !this.#isSweepDue) this.#setSweep();
  }

  #setSweep(): void {
    this.#isSweepDue = true;
    const now = monotonicMs();
    this.deadlineAt = now + this.#settings.idleTimeoutMs / SWEEPS_PER_IDLE_TIME;
    housekeeping.add(this, now);
  }

  #made(value: T): Resource<T> {
    this.created++;
    const resource = new Resource(value);
    this.touch(resource);
    return resource;
  }

  #fail(phase: PoolFailure['phase'], error: unknown): void {
    this.#owner.onFailure({ pool: this.#settings.name, phase, error });
  }
}
