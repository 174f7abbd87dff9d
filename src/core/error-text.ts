import { plainText } from './text.js';

/** Parts of one `AggregateError`: an address of each kind, and some more. */
const MOST_PARTS = 4;

/**
 * What was thrown, in one calm line. Never throws, whatever it is. Where Node's errors have no message (`connect` to a name
 * with several addresses), their parts, code or name stand for it.
 */
export function errorText(error: unknown, maxChars = 200): string {
  try {
    return plainText(error instanceof Error ? ownText(error) : String(error), maxChars);
  } catch {
    return 'an object that has no text';
  }
}

function ownText(error: Error & { readonly code?: unknown }): string {
  if (error.message !== '') return error.message;
  const parts = error instanceof AggregateError ? error.errors.slice(0, MOST_PARTS) : [];
  return parts.map((part: unknown) => errorText(part)).join(', ') || String(error.code ?? error.name);
}

/** Its cause, the cause of that and so on, at most so many: a chain may go in a circle. */
export function causesOf(error: unknown, most: number): unknown[] {
  const causes: unknown[] = [];
  for (let at = error; at instanceof Error && at.cause !== undefined && causes.length < most; at = at.cause) {
    causes.push(at.cause);
  }
  return causes;
}
