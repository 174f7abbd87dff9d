import { monotonicMs, type Owned, type Owner } from '../core/index.js';
import { Scope } from '../scope/index.js';

/** For an owner that says nothing of time. */
const RELEASE_MS = 10_000;
/** What closes by a deadline needs some ms more to say so; its owner should hear it before it gives up. */
const REPORT_MS = 30;

/** Hands a thing to its owner, if it has one. @throws WatertightError WT_SCOPE_CLOSED; `release` has then been called */
export function ownedBy(
  owner: Owner | undefined,
  name: string,
  release: (timeoutMs: number) => unknown,
): Owned | undefined {
  if (owner === undefined) return undefined;
  if (!(owner instanceof Scope)) return owner.defer(name, () => release(RELEASE_MS));
  return owner.hold(name, release, (_, { deadlineAt }) => release(Math.max(deadlineAt - monotonicMs() - REPORT_MS, 0)));
}
