import type { Owned, Owner } from '../core/index.js';
import { Scope } from '../scope/index.js';

/** For an owner that says nothing of time. */
const RELEASE_MS = 10_000;
/** What closes by a deadline needs some ms more to say so; its owner should hear it before it gives up. */
const REPORT_MS = 30;

/** What an owner does with a thing; each has `timeoutMs` for it. */
export interface Ending {
  release(timeoutMs: number): unknown;
  /** Takes nothing new and lets the work in flight end. Only a `Scope` asks for it. */
  drain?(timeoutMs: number): unknown;
}

/** Hands a thing to its owner, if it has one. @throws WatertightError WT_SCOPE_CLOSED; `release` has then been called */
export function ownedBy(owner: Owner | undefined, name: string, ending: Ending): Owned | undefined {
  if (owner === undefined) return undefined;
  if (!(owner instanceof Scope)) return owner.defer(name, () => ending.release(RELEASE_MS));
  const left = (deadlineAt: number) => Math.max(deadlineAt - performance.now() - REPORT_MS, 0);
  return owner.hold(
    name,
    ending,
    (_, { deadlineAt }) => ending.release(left(deadlineAt)),
    ending.drain && { drain: (_, { deadlineAt }) => ending.drain?.(left(deadlineAt)) },
  );
}
