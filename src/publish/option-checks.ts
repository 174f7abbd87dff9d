import { kindOf } from '../core/index.js';

/** @throws TypeError, RangeError */
export function wholeNumber(where: string, name: string, value: unknown, least: number, most: number): number {
  if (typeof value !== 'number') throw new TypeError(`${where}: ${name} must be a number, not ${kindOf(value)}`);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new RangeError(`${where}: ${name} must be a whole number from ${least} to ${most}, not ${value}`);
}

/** @throws RangeError */
export function oneOf<T extends string>(where: string, name: string, value: unknown, known: readonly T[]): T {
  if (known.includes(value as T)) return value as T;
  throw new RangeError(`${where}: ${name} must be one of ${known.join(', ')}, not ${kindOf(value)}`);
}

/** @throws TypeError */
export function optionalText(where: string, name: string, value: unknown): void {
  if (value === undefined || (typeof value === 'string' && value !== '')) return;
  throw new TypeError(`${where}: ${name} must be a text that is not empty, not ${kindOf(value)}`);
}

/** @throws TypeError */
export function optionalFlag(where: string, name: string, value: unknown): void {
  if (value === undefined || typeof value === 'boolean') return;
  throw new TypeError(`${where}: ${name} must be a boolean, not ${kindOf(value)}`);
}

/** @throws TypeError, RangeError */
export function shortText(where: string, name: string, value: unknown, mostBytes: number): void {
  optionalText(where, name, value);
  if (value === undefined || Buffer.byteLength(value as string) <= mostBytes) return;
  throw new RangeError(
    `${where}: ${name} must have at most ${mostBytes} bytes, not ${Buffer.byteLength(value as string)}`,
  );
}
