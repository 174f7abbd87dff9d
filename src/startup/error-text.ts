import { plainText } from '../core/index.js';

/** Causes told: a longer chain has never told more, and one may go in a circle. */
const CAUSE_DEPTH = 4;
const MESSAGE_CHARS = 300;
/** Failures of one `AggregateError`: an address of each kind, and some more. */
const MOST_PARTS = 4;

/**
 * What was thrown and what caused it, in one line without control characters, each message cut:
 * `Cannot connect ← connect ECONNREFUSED 127.0.0.1:5432`.
 */
export function errorText(error: unknown): string {
  const messages = [messageOf(error)];
  let cause = causeOf(error);
  for (let depth = 0; cause !== undefined && depth < CAUSE_DEPTH; depth++) {
    messages.push(messageOf(cause));
    cause = causeOf(cause);
  }
  return messages.filter((message) => message !== '').join(' ← ');
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? (error.cause ?? undefined) : undefined;
}

function messageOf(error: unknown): string {
  try {
    return plainText(error instanceof Error ? ownText(error) : String(error), MESSAGE_CHARS);
  } catch {
    return 'an object that has no text';
  }
}

/** `connect` to a name with several addresses throws an `AggregateError` without a message: its parts have one. */
function ownText(error: Error): string {
  if (error.message !== '') return error.message;
  if (!(error instanceof AggregateError) || error.errors.length === 0) return error.name;
  const parts = error.errors
    .slice(0, MOST_PARTS)
    .map((part: unknown) => (part instanceof Error ? part.message : `${part}`));
  return parts.join(', ');
}
