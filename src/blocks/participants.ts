import { OWNER_MASK, UID_WORDS } from './layout.js';
import { type Party, slotAt } from './protocol-lock.js';

const UID_BYTES = UID_WORDS * 4;

/** The uid of an owner as it stands in a slot: ASCII, the rest 0. @throws RangeError */
export function uidWords(uid: string): Int32Array {
  if (!/^[\x21-\x7e]+$/.test(uid) || uid.length > UID_BYTES) {
    throw new RangeError(`uid must be 1 to ${UID_BYTES} visible ASCII characters, got ${JSON.stringify(uid)}`);
  }
  const words = new Int32Array(UID_WORDS);
  new Uint8Array(words.buffer).set(Buffer.from(uid, 'latin1'));
  return words;
}

export function uidAt(words: Int32Array, at: number): string {
  const bytes = Buffer.from(words.slice(at, at + UID_WORDS).buffer).toString('latin1');
  const end = bytes.indexOf('\0');
  return end < 0 ? bytes : bytes.slice(0, end);
}

/** Process number of a uid, whose first part it is in base 36. */
export function pidOf(uid: string): number {
  return Number.parseInt(uid.split('-')[0], 36);
}

/** The process of an owner word; 0 for nobody. For messages. */
export function pidOfOwner(p: Party, ownerWord: number): number {
  const owner = ownerWord & OWNER_MASK;
  return owner === 0 ? 0 : pidOf(uidAt(p.m, slotAt(p.l, owner) + 1));
}
