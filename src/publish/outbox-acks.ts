// The acknowledgements of a segment, in a file beside it: entries of 8 bytes, the offset of a record and its CRC-32, begun with
// the number of the segment. One that does not check is none: its event is sent again.
import { crc32 } from 'node:zlib';
import { builtin } from '../core/index.js';
import { closeFile, fileCall, readPart, writeWhole } from './outbox-files.js';

const ENTRY_BYTES = 8;
/** Each record takes more. */
const MOST_BYTES = 2 ** 30;

export class OutboxAcks {
  readonly path: string;
  readonly #segment: number;
  #bytes = 0;
  /** Offsets that are not in the file yet. */
  #new: number[] = [];

  constructor(path: string, segment: number) {
    this.path = path;
    this.#segment = segment;
  }

  get hasNew(): boolean {
    return this.#new.length > 0;
  }

  /** What an earlier process has acknowledged, sorted. */
  async read(): Promise<Uint32Array> {
    const size = await fileCall<number>((files, done) =>
      files.stat(this.path, (error, stat) => done(error, stat?.size)),
    ).catch(absent);
    const bytes = size === 0 ? Buffer.alloc(0) : await readPart(this.path, 0, Math.min(size, MOST_BYTES));
    // A half-written one is written over.
    this.#bytes = bytes.length - (bytes.length % ENTRY_BYTES);
    const found: number[] = [];
    for (let at = 0; at < this.#bytes; at += ENTRY_BYTES) {
      const isWhole = crc32(bytes.subarray(at, at + 4), this.#segment) === bytes.readUInt32LE(at + 4);
      if (isWhole) found.push(bytes.readUInt32LE(at));
    }
    return Uint32Array.from(found).sort();
  }

  add(offset: number): void {
    this.#new.push(offset);
  }

  /** Nothing is lost when it fails: the next call writes them too. */
  async write(): Promise<void> {
    const count = this.#new.length;
    const entries = Buffer.allocUnsafe(count * ENTRY_BYTES);
    for (let i = 0; i < count; i++) {
      const at = i * ENTRY_BYTES;
      entries.writeUInt32LE(this.#new[i] as number, at);
      entries.writeUInt32LE(crc32(entries.subarray(at, at + 4), this.#segment), at + 4);
    }
    const { O_WRONLY, O_CREAT, O_NOFOLLOW } = builtin.files.constants;
    const fd = await fileCall<number>((files, done) =>
      files.open(this.path, O_WRONLY | O_CREAT | O_NOFOLLOW, 0o600, done),
    );
    try {
      await writeWhole(fd, entries, this.#bytes);
    } finally {
      await closeFile(fd);
    }
    this.#bytes += entries.length;
    this.#new.splice(0, count);
  }
}

function absent(error: NodeJS.ErrnoException): number {
  if (error.code === 'ENOENT') return 0;
  throw error;
}

/** Whether a sorted list has it. */
export function isIn(sorted: Uint32Array, value: number): boolean {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return sorted[low] === value;
}
