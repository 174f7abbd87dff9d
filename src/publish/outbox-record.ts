// What a segment of the outbox is made of: a header of 8 bytes, `WTO1` and the encoding of the bodies, then records:
//
//   checksum u32 · length u32 · kind u8 · bytes of id u8 · bytes of key u8 · id (Latin-1) · key (UTF-8) · body
//
// Little-endian. `length` counts from `kind` on; the checksum is CRC-32 of all that follows it, begun with the number of the
// segment: what looks like a record inside of a body is none.
import { crc32 } from 'node:zlib';
import type { Encoding } from './encoding.js';

export const HEADER_BYTES = 8;
const FRAME_BYTES = 8;
const FIXED_BYTES = FRAME_BYTES + 3;

const KINDS: Record<Encoding, number> = { json: 1, msgpack: 2 };

export function segmentHeader(encoding: Encoding): Buffer {
  return Buffer.from(`WTO1${encoding.slice(0, 4)}`, 'latin1');
}

/** @returns undefined of what is no header */
export function encodingIn(header: Buffer): Encoding | undefined {
  const known = Object.keys(KINDS) as Encoding[];
  return known.find((encoding) => segmentHeader(encoding).equals(header.subarray(0, HEADER_BYTES)));
}

export function recordBytes(id: string, key: string, bodyBytes: number): number {
  return FIXED_BYTES + id.length + Buffer.byteLength(key) + bodyBytes;
}

/** All but the checksum. @returns where it ends */
export function writeRecord(
  into: Buffer,
  at: number,
  encoding: Encoding,
  id: string,
  key: string,
  body: string | Buffer,
): number {
  let end = at + FIXED_BYTES;
  end += into.write(id, end, 'latin1');
  const keyBytes = into.write(key, end, 'utf8');
  end += keyBytes;
  end += typeof body === 'string' ? into.write(body, end, 'utf8') : body.copy(into, end);
  into.writeUInt32LE(end - at - FRAME_BYTES, at + 4);
  into[at + 8] = KINDS[encoding];
  into[at + 9] = id.length;
  into[at + 10] = keyBytes;
  return end;
}

/** Writes the checksums of records that follow each other. */
export function sealRecords(records: Buffer, segment: number): void {
  for (let at = 0; at < records.length; at = recordEnd(records, at)) {
    records.writeUInt32LE(crc32(records.subarray(at + 4, recordEnd(records, at)), segment), at);
  }
}

/** Of a record that is known to be whole. */
export function recordEnd(records: Buffer, at: number): number {
  return at + FRAME_BYTES + records.readUInt32LE(at + 4);
}

export interface OutboxRecord {
  readonly id: string;
  readonly key: string;
  readonly body: Buffer;
}

/** Of a record that is known to be whole. The body is a view. */
export function recordAt(records: Buffer, at: number): OutboxRecord {
  const idEnd = at + FIXED_BYTES + (records[at + 9] as number);
  const keyEnd = idEnd + (records[at + 10] as number);
  return {
    id: records.toString('latin1', at + FIXED_BYTES, idEnd),
    key: records.toString('utf8', idEnd, keyEnd),
    body: records.subarray(keyEnd, recordEnd(records, at)),
  };
}

/** @returns where the record ends; `short` when it goes on behind the end of the bytes; `bad` when it is none */
export function checkRecord(bytes: Buffer, at: number, encoding: Encoding, segment: number): number | 'short' | 'bad' {
  if (bytes.length - at < FIXED_BYTES) return 'short';
  const length = bytes.readUInt32LE(at + 4);
  const fixed = FIXED_BYTES - FRAME_BYTES;
  if (bytes[at + 8] !== KINDS[encoding]) return 'bad';
  if (length < fixed + (bytes[at + 9] as number) + (bytes[at + 10] as number)) return 'bad';
  const end = at + FRAME_BYTES + length;
  if (end > bytes.length) return 'short';
  return crc32(bytes.subarray(at + 4, end), segment) === bytes.readUInt32LE(at) ? end : 'bad';
}

/** Where the next whole record begins, from `from` on; undefined when there is none. Cost: O(bytes), of damaged files only. */
export function findRecord(bytes: Buffer, from: number, encoding: Encoding, segment: number): number | undefined {
  for (let at = from; at + FIXED_BYTES <= bytes.length; at++) {
    if (typeof checkRecord(bytes, at, encoding, segment) === 'number') return at;
  }
  return undefined;
}
