/** Deeper values are named, not shown: an encoding refuses more than 100 levels, and an event has some of its own. */
const MOST_DEPTH = 32;
/** What a key, a number or a bracket counts at least, so that an array of a million zeros has an end too. */
const LEAST_CHARS = 4;

interface Walk {
  /** Characters that may still be taken. */
  left: number;
  readonly above: object[];
}

/**
 * A copy of anything that any encoding takes: texts, finite numbers, booleans, null, arrays and objects without circles.
 * What is none of these is told as a text (`[circular]`, `[cut]`), messages of LangChain by what they say. Never throws.
 *
 * @param maxChars about how many characters the copy may have
 * Cost: O(maxChars).
 */
export function plainData(value: unknown, maxChars: number): unknown {
  return plain(value, { left: maxChars, above: [] });
}

function plain(value: unknown, walk: Walk): unknown {
  if (walk.left <= 0) return '[cut]';
  walk.left -= LEAST_CHARS;
  switch (typeof value) {
    case 'string':
      return plainString(value, walk);
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'bigint':
      return plainString(String(value), walk);
    case 'object':
      return value === null ? null : plainObject(value, walk);
    default:
      return undefined;
  }
}

function plainString(text: string, walk: Walk): string {
  const taken = text.length > walk.left ? `${text.slice(0, Math.max(walk.left, 0))}[cut]` : text;
  walk.left -= text.length;
  return taken;
}

function plainObject(value: object, walk: Walk): unknown {
  if (walk.above.includes(value)) return '[circular]';
  if (walk.above.length >= MOST_DEPTH) return '[deep]';
  walk.above.push(value);
  try {
    if (Array.isArray(value)) return plainArray(value, walk);
    if (value instanceof Map || value instanceof Set) return plainArray(value, walk);
    if (value instanceof Error) return { name: plain(value.name, walk), message: plain(value.message, walk) };
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
    if (isMessage(value)) return plainMessage(value, walk);
    const { toJSON } = value as { toJSON?: unknown };
    return typeof toJSON === 'function' ? plain(toJSON.call(value), walk) : plainFields(value, walk);
  } catch {
    return '[unreadable]';
  } finally {
    walk.above.pop();
  }
}

function plainArray(values: Iterable<unknown>, walk: Walk): unknown[] {
  const taken: unknown[] = [];
  for (const value of values) {
    taken.push(plain(value, walk) ?? null);
    if (walk.left <= 0) break;
  }
  return taken;
}

function plainFields(value: object, walk: Walk): Record<string, unknown> {
  const taken: Record<string, unknown> = Object.create(null);
  for (const key of Object.keys(value)) {
    if (walk.left <= 0) {
      taken['[cut]'] = true;
      break;
    }
    walk.left -= key.length;
    const field = plain((value as Record<string, unknown>)[key], walk);
    if (field !== undefined) taken[key] = field;
  }
  return taken;
}

interface Message {
  readonly content: unknown;
  getType?(): string;
  _getType?(): string;
}

function isMessage(value: object): value is Message {
  const { content, getType, _getType } = value as Partial<Message>;
  return content !== undefined && (typeof getType === 'function' || typeof _getType === 'function');
}

/** Its `toJSON` is for a revival by LangChain: constructor, namespace, arguments. */
function plainMessage(message: Message, walk: Walk): Record<string, unknown> {
  const { content, id, name, tool_calls, tool_call_id, status } = message as Message & Record<string, unknown>;
  const calls = Array.isArray(tool_calls) && tool_calls.length > 0 ? tool_calls : undefined;
  const type = message.getType?.() ?? message._getType?.();
  return plainFields({ type, content, id, name, tool_calls: calls, tool_call_id, status }, walk);
}
