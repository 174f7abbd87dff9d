import { kindOf } from '../core/index.js';

/** What can be referred to weakly: an object or a function. @throws TypeError */
export function checkObject(where: string, parameter: string, value: unknown): void {
  if ((typeof value === 'object' && value !== null) || typeof value === 'function') return;
  throw new TypeError(`${where}: ${parameter} must be an object, got ${kindOf(value)}`);
}
