import { monotonicMs } from '../../src/core/index.js';

/** A bare timer beside what is measured: on a busy machine no deadline is kept better. @returns when it rang, or is to ring */
export function controlTimer(ms: number): () => number {
  const startedAt = monotonicMs();
  let rangAfterMs = ms;
  setTimeout(() => {
    rangAfterMs = monotonicMs() - startedAt;
  }, ms).unref();
  return () => rangAfterMs;
}
