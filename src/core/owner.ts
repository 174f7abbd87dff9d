/** One thing that an owner holds. */
export interface Owned {
  /** Takes the thing out of its owner's hands without releasing it: it was released elsewhere, or has a new owner. */
  detach(): unknown;
}

/**
 * Whoever releases what is handed to it, newest first: a `Scope`, seen by the rooms that stand beside or below it.
 */
export interface Owner {
  /** Runs `release` when the owner closes. Throws `WT_SCOPE_CLOSED` when it has closed; `release` has then run. */
  defer(name: string, release: () => unknown): Owned;
}
