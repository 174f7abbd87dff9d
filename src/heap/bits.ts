/** A set of small integers as one bit each, in words of 32. Cost: length / 8 bytes, 1 to 2 ns an access. */
export type Bits = Uint32Array;

export function newBits(length: number): Bits {
  return new Uint32Array(Math.ceil(length / 32));
}

export function hasBit(bits: Bits, index: number): boolean {
  return (bits[index >>> 5]! & (1 << (index & 31))) !== 0;
}

export function setBit(bits: Bits, index: number): void {
  bits[index >>> 5]! |= 1 << (index & 31);
}

export function clearBit(bits: Bits, index: number): void {
  bits[index >>> 5]! &= ~(1 << (index & 31));
}
