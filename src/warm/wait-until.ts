import { settleBy } from '../core/index.js';

/** What came first: `promise` settled (either way), `deadlineAt` (`performance.now()`), or the abort of `signal`. Never rejects. */
export async function waitUntil(
  promise: Promise<unknown>,
  deadlineAt: number,
  signal: AbortSignal | undefined,
): Promise<'settled' | 'deadline' | 'aborted'> {
  if (!signal) return settleBy(promise, deadlineAt);
  if (signal.aborted) return 'aborted';
  let onAbort = () => {};
  const aborted = new Promise<void>((resolve) => {
    onAbort = resolve;
  });
  signal.addEventListener('abort', onAbort);
  const end = await settleBy(Promise.race([promise, aborted]), deadlineAt);
  signal.removeEventListener('abort', onAbort);
  return signal.aborted ? 'aborted' : end;
}
