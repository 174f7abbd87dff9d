/**
 * A count, or a size in bytes, that a caller gave.
 * @throws TypeError when it is no number; RangeError when it is no whole number from `least` to `most`.
 */
export function wholeNumber(
  name: string,
  value: unknown,
  { least = 1, most = Number.MAX_SAFE_INTEGER }: { least?: number; most?: number } = {},
): number {
  if (typeof value !== 'number') throw new TypeError(`${name} must be a number, got ${typeof value}`);
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  throw new RangeError(`${name} must be a whole number from ${least} to ${most}, got ${value}`);
}

/** As `wholeNumber`, or `Infinity`: no limit. */
export function wholeOrInfinite(name: string, value: unknown): number {
  return value === Number.POSITIVE_INFINITY ? value : wholeNumber(name, value);
}
