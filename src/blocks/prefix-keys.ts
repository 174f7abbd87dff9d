/*
 * Keys of prefixes: a chain of hashes, after vLLM's automatic prefix caching (docs.vllm.ai, "Automatic Prefix Caching").
 * The key of the n-th full block is SHA-256(key of the block before it, tokens of the block); the first one's predecessor
 * is SHA-256(label, salt). So one key stands for all tokens up to the end of its block, and equal keys are taken for equal
 * tokens without a look at them: two inputs with one key are not known for SHA-256 and would take some 2^128 trials. With a
 * fast hash a tenant who chooses his tokens could make them, and be given what another tenant's tokens left.
 *
 * What begins a chain cannot be mistaken for a link: a link's input begins with a hash, and none can be made to be the
 * label. Tokens are hashed in this machine's byte order: keys never leave the process.
 */
import { hash } from 'node:crypto';
import { types } from 'node:util';
import { kindOf, wellFormed } from '../core/index.js';

export type Tokens = Uint32Array | Int32Array | readonly number[];

const LABEL = 'watertight: first block of a prefix: ';
const KEY_BYTES = 32;
const MOST_TOKEN = 2 ** 32 - 1;

export class PrefixKeys {
  readonly #blockTokens: number;
  /** What is hashed for a block: 32 bytes of the key before, then its tokens. */
  readonly #input: Buffer;
  readonly #block: Uint32Array;

  constructor(blockTokens: number) {
    const memory = new ArrayBuffer(KEY_BYTES + 4 * blockTokens);
    this.#blockTokens = blockTokens;
    this.#input = Buffer.from(memory);
    this.#block = new Uint32Array(memory, KEY_BYTES);
  }

  /** The keys of all full blocks, each hashed when it is asked for. Cost: 1 µs, and 1 µs a block of 256 tokens. */
  *of(tokens: Tokens, salt: string): Generator<string, void> {
    const last = tokens.length - this.#blockTokens;
    let key = last < 0 ? '' : hash('sha256', LABEL + salt, 'binary');
    for (let at = 0; at <= last; at += this.#blockTokens) {
      const end = at + this.#blockTokens;
      this.#input.write(key, 0, 'latin1');
      this.#block.set('subarray' in tokens ? tokens.subarray(at, end) : tokens.slice(at, end));
      key = hash('sha256', this.#input, 'binary');
      yield key;
    }
  }
}

/** All of them before any is used, so that what is refused does not depend on what is indexed. @throws TypeError, RangeError */
export function checkTokens(where: string, tokens: Tokens): void {
  if (types.isUint32Array(tokens)) return;
  if (!Array.isArray(tokens) && !types.isInt32Array(tokens)) {
    throw new TypeError(`${where}: tokens must be a Uint32Array, an Int32Array or an array, not ${kindOf(tokens)}`);
  }
  for (let i = 0; i < tokens.length; i++) {
    const token: unknown = tokens[i];
    if (typeof token !== 'number') {
      throw new TypeError(`${where}: tokens[${i}] must be a number, not ${kindOf(token)}`);
    }
    if (token >>> 0 === token) continue;
    throw new RangeError(`${where}: tokens[${i}] must be a whole number from 0 to ${MOST_TOKEN}, got ${token}`);
  }
}

/** Two salts that are two texts must be two in UTF-8, too. @throws TypeError, RangeError */
export function checkSalt(where: string, salt: string): void {
  if (typeof salt !== 'string') throw new TypeError(`${where}: salt must be a text, not ${kindOf(salt)}`);
  if (wellFormed(salt) !== salt)
    throw new RangeError(`${where}: salt must be well-formed Unicode, got ${kindOf(salt)}`);
}
