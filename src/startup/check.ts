import { kindOf } from '../core/index.js';

/** How many of something a step should have brought up, and how many there are. */
export interface Count {
  /** What is counted: `tools`, `tables`, `routes`. */
  readonly name: string;
  /** Least number that is right, from 0. */
  readonly expected: number;
  /** From 0. */
  readonly actual: number;
}

/** A count that was judged. */
export interface Check extends Count {
  readonly status: 'healthy' | 'warning' | 'critical';
}

/**
 * Judges counts. As many as expected or more is healthy, fewer a warning, none at all critical where the start-up cannot do
 * without (`isVital`), else a warning.
 *
 * @throws TypeError for what is no count: it would say nothing, neither good nor bad
 *
 * @example
 * judgeCounts([{ name: 'tools', expected: 4, actual: 3 }], true)[0]?.status; // 'warning'
 */
export function judgeCounts(counts: readonly Count[], isVital: boolean): Check[] {
  return counts.map((count) => {
    checkCount(count);
    const { name, expected, actual } = count;
    if (actual >= expected) return { name, expected, actual, status: 'healthy' };
    return { name, expected, actual, status: actual > 0 || !isVital ? 'warning' : 'critical' };
  });
}

function checkCount(count: Count): void {
  const { name, expected, actual } = Object(count) as Partial<Count>;
  const rule = 'a check must return counts { name, expected, actual }';
  if (typeof name !== 'string' || name === '') throw new TypeError(`${rule}: name must be a text, not ${kindOf(name)}`);
  for (const [key, value] of Object.entries({ expected, actual })) {
    if (typeof value === 'number' && Number.isFinite(value) && value >= 0) continue;
    throw new TypeError(`${rule}: ${key} must be a number from 0, not ${kindOf(value)}`);
  }
}
