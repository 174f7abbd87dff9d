const ownSetTimeout = setTimeout;

/** Bound when first read: Node loads 50 kB of code for `performance`. */
let read: () => number = () => {
  if (isFaked()) return performance.now();
  read = performance.now.bind(performance);
  return read();
};

/**
 * Monotonic time in ms since the process began, as `performance.now()` tells it. Cost: 45 ns, where `performance.now()`
 * costs 84: the global is a getter, and the method checks its receiver.
 *
 * In a test that has replaced the timers by its own, it is the time of that test.
 */
export function monotonicMs(): number {
  return isFaked() ? performance.now() : read();
}

function isFaked(): boolean {
  return setTimeout !== ownSetTimeout;
}
