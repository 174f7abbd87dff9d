import { plainText, WatertightError } from '../core/index.js';

/** Longest name that is told; names may come from anywhere. */
const NAME_CHARS = 100;

/** What those get who ask something of a thing that has ended. */
export function closedError(verb: string, name: string): WatertightError {
  const plain = plainText(name, NAME_CHARS);
  return new WatertightError('WT_BOUNDED_CLOSED', `Cannot ${verb} ${plain} as it is closed`, {
    hint: 'stop whoever uses it before it is closed: give both one scope, the user last',
    details: { name: plain },
  });
}
