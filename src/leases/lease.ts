import { builtin, type Owned, type Owner as ScopeOwner } from '../core/index.js';
import { LABEL_PATTERN, type LeaseKind } from './lease-name.js';
import { type Owner, type ThreadOwner, threadOwner } from './owner.js';
import { place } from './place.js';
import { reclaim, removeOwn } from './reclaim.js';

/** Whose release ends a lease, if not the caller's own call; and a word to find it by. */
export interface LeaseOptions {
  /** Releases the lease when it closes. */
  readonly scope?: ScopeOwner;
  /** 1 to 63 letters, digits, `_` or `-`: shown by `lease.list()`. */
  readonly label?: string;
}

/** Something outside of this process that goes when its owner goes. */
export class Lease {
  readonly kind: LeaseKind;
  /** The entry that makes it a lease. */
  readonly path: string;
  readonly #end: () => void | Promise<void>;
  #ended: void | Promise<void> = undefined;
  #isHeld = true;
  #held: Owned | undefined;

  constructor(kind: LeaseKind, path: string, end: () => void | Promise<void>) {
    this.kind = kind;
    this.path = path;
    this.#end = end;
  }

  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Hands it to a scope. @throws WatertightError WT_SCOPE_CLOSED, released */
  heldBy(scope: ScopeOwner | undefined): this {
    if (scope) this.#held = scope.defer(`${this.kind} ${this.path}`, () => this.release());
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
}

/**
 * The owner of everything that this thread leases. Its own file is made on the first call; then, in the background, what
 * dead owners left is reclaimed, once (diagnostics channel `watertight:leases-reclaimed`).
 */
export function thisOwner(): Owner {
  return threadOwner(begin);
}

/** A path for a new lease of this thread. Nothing is made yet. */
export function leasePath(kind: LeaseKind, label = ''): string {
  const folder = kind === 'folder' ? place().tempDir : place().folder;
  return `${folder}/${threadOwner(begin).nextName(kind, label)}`;
}

function begin(owner: ThreadOwner): void {
  process.once('exit', () => {
    removeOwn(owner.uid);
    owner.end();
  });
  setImmediate(reclaimAside).unref();
}

/** Sweeps without being waited for: at the first lease, and by whoever sees a death. */
export async function reclaimAside(): Promise<void> {
  const report = await reclaim().catch((error: unknown) => ({ error }));
  builtin.diagnostics.channel('watertight:leases-reclaimed').publish(report);
}

/** @throws RangeError */
export function checkLabel(where: string, label: unknown): void {
  if (label === undefined || (typeof label === 'string' && LABEL_PATTERN.test(label))) return;
  const got = typeof label === 'string' ? JSON.stringify(label.slice(0, 80)) : typeof label;
  throw new RangeError(`${where}: label must be 1 to 63 letters, digits, "_" or "-", got ${got}`);
}
