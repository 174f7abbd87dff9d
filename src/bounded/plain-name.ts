import { kindOf, plainText } from '../core/index.js';

/** Longest name that is told. */
const NAME_CHARS = 100;

/** A name that a caller gave, as one calm line. @throws TypeError unless it is a text that is not empty */
export function plainName(where: string, name: unknown): string {
  if (typeof name === 'string' && name !== '') return plainText(name, NAME_CHARS);
  throw new TypeError(`${where}: name must be a text that is not empty, got ${kindOf(name)}`);
}
