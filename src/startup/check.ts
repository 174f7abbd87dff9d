/** How many of something a step should have brought up, and how many there are. */
export interface Count {
  /** What is counted: `tools`, `tables`, `routes`. */
  readonly name: string;
  /** Least number that is right; an integer from 0. */
  readonly expected: number;
  readonly actual: number;
}

/** A count that was judged. */
export interface Check extends Count {
  /** `critical`: none of what was expected; `warning`: some, but fewer. */
  readonly status: 'healthy' | 'warning' | 'critical';
}

/**
 * Judges counts: none where some are expected is critical, fewer than expected a warning, more is healthy.
 *
 * @example
 * judgeCounts([{ name: 'tools', expected: 4, actual: 3 }])[0]?.status; // 'warning'
 */
export function judgeCounts(counts: readonly Count[]): Check[] {
  return counts.map(({ name, expected, actual }) => ({ name, expected, actual, status: statusOf(expected, actual) }));
}

function statusOf(expected: number, actual: number): Check['status'] {
  // Written so that a count which is no number is never healthy.
  if (actual >= expected) return 'healthy';
  return actual > 0 ? 'warning' : 'critical';
}
