import { monotonicMs, type Owned, type Owner } from '../core/index.js';
import { Scope } from '../scope/index.js';

/** Of an owner's time, what is left for it to hear what remains, and at most a fifth. */
const REPORT_MS = 250;
const REPORT_SHARE = 0.2;
/** An owner that tells no deadline. */
const CLOSE_TIMEOUT_MS = 10_000;

/** Closes `held` when its scope closes, within what that gives it. @param close rejects when something was not delivered */
export function closeWithScope(
  scope: Owner | undefined,
  name: string,
  held: object,
  close: (timeoutMs: number) => Promise<void>,
): Owned | undefined {
  const within = (ms: number) => close(Math.max(1, Math.floor(ms - Math.min(REPORT_MS, ms * REPORT_SHARE))));
  if (!(scope instanceof Scope)) return scope?.defer(name, () => within(CLOSE_TIMEOUT_MS));
  return scope.hold(name, held, (_, { deadlineAt }) => within(deadlineAt - monotonicMs()));
}
