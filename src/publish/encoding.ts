import { Encoder } from '@msgpack/msgpack';
import type { PublishedEvent } from './event.js';
import { notEncodableError } from './publish-errors.js';

/** `json` (RFC 8259) or `msgpack` (msgpack.org). */
export type Encoding = 'json' | 'msgpack';
export const ENCODINGS: readonly Encoding[] = ['json', 'msgpack'];

const packer = new Encoder({ ignoreUndefined: true });

/** Deeper values are refused: readers have limits, and ours is the call stack. */
const MOST_DEPTH = 100;

/**
 * The bytes of an event: a text for JSON, else a Buffer that is good until the next call.
 * Refuses what the reader would not find again: circles, BigInt, functions, symbols, NaN and infinities, `undefined` in an
 * array, class instances without `toJSON`, more than 100 levels. A field that is `undefined` is left out.
 * @throws WatertightError WT_PUBLISH_NOT_ENCODABLE naming the path. Cost: 1.5 µs for 300 bytes.
 */
export function encode(event: PublishedEvent, encoding: Encoding): string | Buffer {
  const walk: Walk = { above: [], hasToJson: false };
  const fault = faultIn(event, '', walk);
  if (fault) throw notEncodableError(fault.path, fault.what, encoding);
  try {
    if (encoding === 'json') return JSON.stringify(event);
    const bytes = packer.encodeSharedRef(walk.hasToJson ? JSON.parse(JSON.stringify(event)) : event);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  } catch (error) {
    throw notEncodableError('the event', `refused (${String((error as Error)?.message ?? error)})`, encoding);
  }
}

interface Fault {
  readonly path: string;
  readonly what: string;
}

interface Walk {
  /** The objects that the value is in. */
  readonly above: object[];
  /** Something says itself what it is in JSON (a Date, a message of LangChain): MessagePack gets the same. */
  hasToJson: boolean;
}

function faultIn(value: unknown, path: string, walk: Walk): Fault | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return undefined;
    case 'number':
      return Number.isFinite(value) ? undefined : { path, what: String(value) };
    case 'undefined':
      return { path, what: 'undefined in an array' };
    case 'object':
      return value === null ? undefined : faultInObject(value, path, walk);
    default:
      return { path, what: `a ${typeof value}` };
  }
}

function faultInObject(value: object, path: string, walk: Walk): Fault | undefined {
  const { above } = walk;
  if (above.includes(value)) return { path, what: 'the object that it is in: a circle' };
  if (above.length >= MOST_DEPTH) return { path: `${path.slice(0, 60)}…`, what: `deeper than ${MOST_DEPTH} levels` };
  above.push(value);
  try {
    if (Array.isArray(value)) {
      for (let i = 0; i < value.length; i++) {
        const fault = faultIn(value[i], `${path}[${i}]`, walk);
        if (fault) return fault;
      }
      return undefined;
    }
    if (typeof (value as { toJSON?: unknown }).toJSON === 'function') {
      if (value instanceof Date && Number.isNaN(value.getTime())) return { path, what: 'a Date that is none' };
      walk.hasToJson = true;
      return undefined;
    }
    const prototype = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) return { path, what: describeInstance(value) };
    for (const key in value) {
      const field = (value as Record<string, unknown>)[key];
      if (field === undefined || isPlain(field)) continue;
      const fault = faultIn(field, path === '' ? key : `${path}.${key}`, walk);
      if (fault) return fault;
    }
    return undefined;
  } finally {
    above.pop();
  }
}

/** Most fields are, and need no path. */
function isPlain(value: unknown): boolean {
  return (
    typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))
  );
}

function describeInstance(value: object): string {
  const name = value.constructor?.name;
  return `an instance of ${typeof name === 'string' && name !== '' ? name.slice(0, 40) : 'a class'}`;
}
