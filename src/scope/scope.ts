import { WatertightError } from '../core/index.js';

type Release = () => unknown;

/** What closing a scope did. */
export interface CloseReport {
  readonly status: 'completed' | 'failed' | 'already-closed';
  readonly released: number;
  readonly failures: readonly unknown[];
}

/**
 * Owner of what an iteration or a set-up acquires: everything deferred here is released once, newest first, and a
 * release that throws does not stop the others. Owned by whoever made it, ends with `close()`.
 *
 * @example
 * const server = scope.acquire(() => listen(0), (s) => s.close());
 */
export class Scope {
  readonly name: string;
  #releases: Release[] = [];
  #closing: Promise<CloseReport> | null = null;
  #controller: AbortController | null = null;

  constructor(name: string) {
    this.name = name;
  }

  /** Number of releases that are waiting for `close()`. */
  get size(): number {
    return this.#releases.length;
  }

  get isClosed(): boolean {
    return this.#closing !== null;
  }

  /** Aborted when the scope begins to close. Made when first asked for. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.isClosed && !this.#controller.signal.aborted) this.#controller.abort();
    return this.#controller.signal;
  }

  /**
   * Runs `release` when the scope closes.
   * @throws WatertightError WT_SCOPE_CLOSED when the scope is closed; `release` is then run at once.
   */
  defer(release: Release): void {
    if (this.isClosed) {
      release();
      throw new WatertightError('WT_SCOPE_CLOSED', `Cannot defer in scope ${this.name} as it is closed`, {
        hint: 'acquire before the scope ends, or await what acquires',
      });
    }
    this.#releases.push(release);
  }

  /** Opens a resource and hands its release to this scope. */
  acquire<T>(open: () => T, release: (resource: Awaited<T>) => unknown): T {
    const resource = open();
    if (resource instanceof Promise) {
      return resource.then((value) => {
        this.defer(() => release(value));
        return value;
      }) as T;
    }
    this.defer(() => release(resource as Awaited<T>));
    return resource;
  }

  /** Adopts an object with `Symbol.asyncDispose` or `Symbol.dispose`. */
  use<T extends Partial<AsyncDisposable & Disposable>>(resource: T): T {
    const dispose = resource[Symbol.asyncDispose] ?? resource[Symbol.dispose];
    if (typeof dispose !== 'function') {
      throw new TypeError('scope.use(resource): resource needs Symbol.dispose or Symbol.asyncDispose');
    }
    this.defer(() => dispose.call(resource));
    return resource;
  }

  /** Releases all, newest first; every call gives the report of the one run. */
  close(): Promise<CloseReport> {
    if (this.#closing) return this.#closing.then((report) => ({ ...report, status: 'already-closed' }));
    this.#closing = this.#releaseAll();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close().then(() => {});
  }

  async #releaseAll(): Promise<CloseReport> {
    // The first release must see the scope closed: `#closing` is set when this function first yields.
    await null;
    this.#controller?.abort();
    const failures: unknown[] = [];
    const releases = this.#releases.splice(0).reverse();
    for (const release of releases) {
      try {
        await release();
      } catch (error) {
        failures.push(error);
      }
    }
    return { status: failures.length > 0 ? 'failed' : 'completed', released: releases.length, failures };
  }
}
