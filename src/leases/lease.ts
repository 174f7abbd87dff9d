import { builtin, kindOf, type Owned, type Owner as ScopeOwner } from '../core/index.js';
import { LABEL_PATTERN, type LeaseKind } from './lease-name.js';
import { type Owner, threadOwner, whenOwner } from './owner.js';
import { endOwner, reclaim } from './reclaim.js';

/** Whose release ends a lease, if not the caller's own call; and a word to find it by. */
export interface LeaseOptions {
  /** Releases the lease when it closes. */
  readonly scope?: ScopeOwner | undefined;
  /** 1 to 63 letters, digits, `_` or `-`: shown by `lease.list()`. */
  readonly label?: string | undefined;
}

/** Something outside of this process that goes when its owner goes. */
export class Lease implements Disposable, AsyncDisposable {
  readonly kind: LeaseKind;
  /** The file that makes it a lease. */
  readonly entry: string;
  readonly #end: () => void | Promise<void>;
  #ended: void | Promise<void> = undefined;
  #isHeld = true;
  #held: Owned | undefined;

  constructor(kind: LeaseKind, entry: string, end: () => void | Promise<void>) {
    this.kind = kind;
    this.entry = entry;
    this.#end = end;
  }

  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Hands it to a scope. @throws WatertightError WT_SCOPE_CLOSED, released */
  heldBy(scope: ScopeOwner | undefined): this {
    if (scope) this.#held = scope.defer(`${this.kind} ${this.entry}`, () => this.release());
    return this;
  }

  /** Removes what was leased, then the lease; later calls give the same answer. */
  release(): void | Promise<void> {
    if (this.#isHeld) {
      this.#isHeld = false;
      this.#held?.detach();
      this.#ended = this.#end();
    }
    return this.#ended;
  }

  /** Begins the release; one of a socket ends later. */
  [Symbol.dispose](): void {
    void this.release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }
}

/**
 * The owner of everything that this thread leases. Its own file is made on the first call; then, in the background, what
 * dead owners left is reclaimed, once (diagnostics channel `watertight:leases-reclaimed`).
 */
export function thisOwner(): Owner {
  return threadOwner();
}

whenOwner(({ uid }) => {
  process.once('exit', () => endOwner(uid));
  setImmediate(reclaimAside).unref();
});

/** Sweeps without being waited for: at the first lease, and by whoever sees a death. */
export async function reclaimAside(): Promise<void> {
  const report = await reclaim().catch((error: unknown) => ({ error }));
  builtin.diagnostics.channel('watertight:leases-reclaimed').publish(report);
}

/** @throws RangeError, TypeError */
export function checkLabel(where: string, what: string, label: unknown): void {
  if (label === undefined || (typeof label === 'string' && LABEL_PATTERN.test(label))) return;
  const rule = `${where}: ${what} must be 1 to 63 letters, digits, "_" or "-", not ${kindOf(label)}`;
  throw typeof label === 'string' ? new RangeError(rule) : new TypeError(rule);
}
