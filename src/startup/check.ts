/** How many of something a step should have brought up, and how many there are. */
export interface Count {
  /** What is counted: `tools`, `tables`, `routes`. */
  readonly name: string;
  /** Least number that is right, from 0. */
  readonly expected: number;
  readonly actual: number;
}

/** A count that was judged. */
export interface Check extends Count {
  readonly status: 'healthy' | 'warning' | 'critical';
}

/**
 * Judges counts. As many as expected or more is healthy, fewer a warning, none at all critical where the start-up cannot do
 * without (`isVital`), else a warning. A count that is no number is none at all.
 *
 * @example
 * judgeCounts([{ name: 'tools', expected: 4, actual: 3 }], true)[0]?.status; // 'warning'
 */
export function judgeCounts(counts: readonly Count[], isVital: boolean): Check[] {
  return counts.map(({ name, expected, actual }) => {
    if (actual >= expected) return { name, expected, actual, status: 'healthy' };
    return { name, expected, actual, status: actual > 0 || !isVital ? 'warning' : 'critical' };
  });
}
