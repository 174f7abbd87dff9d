import { kindOf, wellFormed } from '../core/index.js';
import { IN_USE, KEEP, NAME_WORDS } from './layout.js';
import type { AgentRef } from './protocol-agents.js';

const NAME_BYTES = NAME_WORDS * 4;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Where agents were seen last, by name: a cache of the table, emptied when it has grown to `limit`. */
export class AgentNames {
  readonly #refs = new Map<string, AgentRef>();
  readonly #limit: number;
  readonly #policy: number;
  /** Asked for last. */
  #last = '';
  #lastRef: AgentRef | undefined;

  constructor(limit: number, policy: 'free' | 'keep') {
    this.#limit = limit;
    this.#policy = policy === 'keep' ? KEEP : 0;
  }

  /** @throws TypeError, RangeError. Cost: 10 ns for a name that was seen, 2 for that seen last. */
  ref(where: string, name: string): AgentRef {
    if (name === this.#last && this.#lastRef) return this.#lastRef;
    const ref = this.#refs.get(name) ?? this.#add(where, name);
    this.#last = name;
    this.#lastRef = ref;
    return ref;
  }

  forget(name: string): void {
    this.#refs.delete(name);
    this.#lastRef = undefined;
  }

  #add(where: string, name: string): AgentRef {
    if (typeof name !== 'string') throw new TypeError(`${where}: agent must be a text, not ${kindOf(name)}`);
    const bytes = encoder.encode(name);
    if (bytes.length < 1 || bytes.length > NAME_BYTES || wellFormed(name) !== name) {
      throw new RangeError(`${where}: agent must be 1 to ${NAME_BYTES} bytes of UTF-8, got ${kindOf(name)}`);
    }
    const nameWords = new Int32Array(NAME_WORDS);
    new Uint8Array(nameWords.buffer).set(bytes);
    const ref = { nameBytes: bytes.length, nameWords, index: 0, serial: 0, policy: this.#policy };
    if (this.#refs.size >= this.#limit) this.#refs.clear();
    this.#refs.set(name, ref);
    return ref;
  }
}

/** UTF-8 in `words` from `at`. */
export function textAt(words: Int32Array, at: number, bytes: number): string {
  const copy = words.slice(at, at + ((bytes + 3) >>> 2));
  return decoder.decode(new Uint8Array(copy.buffer, 0, Math.min(bytes, copy.byteLength)));
}

export function isInUse(state: number): boolean {
  return (state & IN_USE) !== 0;
}
