import type { PublishedEvent } from './event.js';

export interface ConsoleFormat {
  readonly format: 'json' | 'text';
  readonly includeTimestamp: boolean;
  /** Spaces a level, for `json`; 0 is one line. */
  readonly indent: number;
}

/**
 * What a terminal may obey, or show in another order than it stands: C0 (JSON escapes it too, texts do not), DEL, C1, the
 * separators of Unicode, and marks of direction.
 */
const UNSAFE = /[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;
const UNSAFE_IN_JSON = /[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;
/** Those that `Date` can show. */
const LAST_DATE_MS = 8.64e15;

/** An event as it is shown, with its line end. */
export function consoleText(event: PublishedEvent, { format, includeTimestamp, indent }: ConsoleFormat): string {
  if (format === 'text') return `${line(event, includeTimestamp)}\n`;
  const { timestamp, ...rest } = event;
  // Escapes are the same text to who parses it.
  return `${JSON.stringify(includeTimestamp ? event : rest, null, indent).replace(UNSAFE_IN_JSON, escaped)}\n`;
}

/** `2026-11-21T23:48:46.000Z llm_call/update run-1#4 node=agent content` */
function line(event: PublishedEvent, includeTimestamp: boolean): string {
  const { timestamp, event: about, eventType, runId, sequence, nodeName, content, data, isError } = event;
  const words = [`${about}/${eventType}`, `${runId}#${sequence}`];
  if (includeTimestamp)
    words.unshift(timestamp <= LAST_DATE_MS ? new Date(timestamp).toISOString() : String(timestamp));
  if (nodeName !== undefined) words.push(`node=${nodeName}`);
  if (isError) words.push('error');
  if (content !== undefined) words.push(content);
  if (data !== undefined) words.push(JSON.stringify(data));
  return words.join(' ').replace(UNSAFE, escaped);
}

function escaped(character: string): string {
  if (character === '\n') return '\\n';
  if (character === '\t') return '\\t';
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
