import { builtin } from '../core/index.js';
import type { Encoding } from './encoding.js';
import { isIn, OutboxAcks } from './outbox-acks.js';
import { closeFile, fileCall, readPart, removeFile, syncFolder, writeWhole } from './outbox-files.js';
import { checkRecord, encodingIn, findRecord, HEADER_BYTES, sealRecords, segmentHeader } from './outbox-record.js';

/** Read at once; what a lane takes, some times over. A larger record is read whole. */
const READ_BYTES = 256 * 1024;

/** Whole records that follow each other in the file. */
export interface SegmentPart {
  readonly records: Buffer;
  /** Offset of the first. */
  readonly start: number;
  /** Where to read on; the length of the file at its end. */
  readonly next: number;
  /** Bytes before `start` that are no records. */
  readonly damagedBytes: number;
  /** Bytes behind the records that are the beginning of one: its process was killed while it wrote. */
  readonly tornBytes: number;
}

/** How much of what was written is to be trusted after a failed write. */
export type Cut = 'cut' | 'not-cut';

/**
 * One file of the outbox, `<number>.wto`, which grows at its end only, and the file of its acknowledgements, `<number>.ack`.
 * When all is acknowledged it is removed; one with damaged places becomes `<number>.damaged`.
 */
export class OutboxSegment {
  readonly number: number;
  /** Of its first byte, in the order of all that the outbox ever had. */
  readonly base: number;
  /** An earlier process has written it. */
  readonly isOld: boolean;
  readonly #folder: string;
  readonly #path: string;
  readonly #encoding: Encoding;
  readonly #acks: OutboxAcks;
  #oldAcks: Uint32Array = new Uint32Array(0);
  #fd: number | undefined;
  #bytes = 0;
  /** A sync has failed: what became of its pages is not known, and is told only once. */
  #isSuspect = false;
  /** Whether `live` is known: of an old one, when it was read. */
  isCounted: boolean;
  /** Records that are not acknowledged. */
  live = 0;
  /** Of them, those that were not handed on. */
  unfed = 0;
  isSealed: boolean;
  /** Some of it could not be read. */
  isDamaged = false;
  /** Records that were whole once, and were not when they were to be sent. */
  lost = 0;

  private constructor(folder: string, number: number, base: number, encoding: Encoding, oldBytes?: number) {
    this.#folder = folder;
    this.number = number;
    this.base = base;
    this.#encoding = encoding;
    this.isOld = oldBytes !== undefined;
    this.isSealed = this.isOld;
    this.isCounted = !this.isOld;
    this.#bytes = oldBytes ?? 0;
    this.#path = segmentPath(folder, number, 'wto');
    this.#acks = new OutboxAcks(segmentPath(folder, number, 'ack'), number);
  }

  /** Nothing is on the disk before the first `append`. */
  static fresh(folder: string, number: number, base: number, encoding: Encoding): OutboxSegment {
    return new OutboxSegment(folder, number, base, encoding);
  }

  /** One that an earlier process has left. @throws as the file system; Error when its bodies are of another encoding */
  static old(folder: string, number: number, base: number, encoding: Encoding): OutboxSegment {
    const path = segmentPath(folder, number, 'wto');
    const { openSync, fstatSync, readSync, closeSync, constants } = builtin.files;
    const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const header = Buffer.alloc(HEADER_BYTES);
      readSync(fd, header, 0, HEADER_BYTES, 0);
      const found = encodingIn(header) ?? encoding;
      if (found !== encoding)
        throw new Error(`its events are encoded as ${found}, and this publisher sends ${encoding}`);
      return new OutboxSegment(folder, number, base, encoding, fstatSync(fd).size);
    } finally {
      closeSync(fd);
    }
  }

  /** Bytes of the file, as far as they count. */
  get bytes(): number {
    return this.#bytes;
  }

  get hasNewAcks(): boolean {
    return this.#acks.hasNew;
  }

  /**
   * At the end, on the disk when it returns if `isSynced`. After a failure the file is as before (`cut`), or has a rest of it
   * at its end that a later process may find; and is not written any more when it cannot be trusted.
   * @param records without their checksums
   * @returns the offset of the first
   */
  async append(records: Buffer, count: number, isSynced: boolean): Promise<number> {
    const isFirst = this.#fd === undefined;
    sealRecords(records, this.number);
    if (isFirst) await this.#create();
    const fd = this.#fd as number;
    const start = isFirst ? HEADER_BYTES : this.#bytes;
    await writeWhole(fd, isFirst ? Buffer.concat([segmentHeader(this.#encoding), records]) : records, this.#bytes);
    this.#isSuspect = isSynced;
    if (isSynced) await fileCall((files, done) => files.fdatasync(fd, done));
    if (isSynced && isFirst) await syncFolder(this.#folder);
    this.#isSuspect = false;
    this.#bytes = start + records.length;
    this.live += count;
    this.unfed += count;
    return start;
  }

  async #create(): Promise<void> {
    const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = builtin.files.constants;
    const flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW;
    this.#fd = await fileCall<number>((files, done) => files.open(this.#path, flags, 0o600, done));
  }

  /** Takes back what a failed `append` may have left; of the first one, the file. */
  async cutRest(): Promise<Cut> {
    const fd = this.#fd;
    this.isSealed = this.#isSuspect || this.#bytes === 0;
    if (fd === undefined) return 'cut';
    try {
      if (this.#bytes === 0) await removeFile(this.#path);
      else await fileCall((files, done) => files.ftruncate(fd, this.#bytes, done));
      return 'cut';
    } catch {
      this.isSealed = true;
      return 'not-cut';
    }
  }

  async sync(): Promise<void> {
    const fd = this.#fd;
    if (fd !== undefined) await fileCall((files, done) => files.fdatasync(fd, done));
  }

  /** Nothing more is written to it. */
  async seal(): Promise<void> {
    this.isSealed = true;
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd !== undefined) await closeFile(fd);
  }

  /** What an earlier process has acknowledged. */
  async readOldAcks(): Promise<void> {
    this.#oldAcks = await this.#acks.read();
  }

  wasAcknowledged(offset: number): boolean {
    return isIn(this.#oldAcks, offset);
  }

  acknowledge(offset: number): void {
    this.live--;
    this.#acks.add(offset);
  }

  /** They were there, and cannot be read any more. */
  giveUpUnfed(): void {
    this.isDamaged = true;
    this.live -= this.unfed;
    this.lost += this.unfed;
    this.unfed = 0;
  }

  writeAcks(): Promise<void> {
    return this.#acks.write();
  }

  /** The records from an offset on, one at least if there is any. */
  async read(from: number): Promise<SegmentPart> {
    const start = Math.max(from, HEADER_BYTES);
    const end = this.#bytes;
    const all = Math.max(end - start, 0);
    const part = await readPart(this.#path, start, Math.min(READ_BYTES, all));
    const length = this.#wholeBytes(part);
    // Else nothing in it is whole: one that is larger, the end, or a damaged place.
    if (length > 0) return partOf(start, part.subarray(0, length), start + length);
    const rest = part.length < all ? await readPart(this.#path, start, all) : part;
    if (rest.length < all) throw new Error(`${this.#path} is shorter than it was`);
    return this.#readRest(start, rest);
  }

  #readRest(start: number, bytes: Buffer): SegmentPart {
    const end = start + bytes.length;
    const check = bytes.length === 0 ? 'short' : checkRecord(bytes, 0, this.#encoding, this.number);
    if (typeof check === 'number') return partOf(start, bytes.subarray(0, check), start + check);
    const at = findRecord(bytes, 1, this.#encoding, this.number);
    if (at !== undefined) {
      const recordEnd = checkRecord(bytes, at, this.#encoding, this.number) as number;
      return partOf(start + at, bytes.subarray(at, recordEnd), start + recordEnd, at);
    }
    const isTorn = check === 'short' || bytes.every((byte) => byte === 0);
    return partOf(start, bytes.subarray(0, 0), end, isTorn ? 0 : bytes.length, isTorn ? bytes.length : 0);
  }

  /** How much of it, from its beginning, is whole records. */
  #wholeBytes(bytes: Buffer): number {
    let at = 0;
    while (at < bytes.length) {
      const end = checkRecord(bytes, at, this.#encoding, this.number);
      if (typeof end !== 'number') break;
      at = end;
    }
    return at;
  }

  /** The half of a record at its end, which nobody was promised. */
  async cutTorn(bytes: number): Promise<void> {
    this.#bytes -= bytes;
    await fileCall((files, done) => files.truncate(this.#path, this.#bytes, done));
  }

  /** All is acknowledged. The acknowledgements go last: without them all would be sent again. */
  async remove(): Promise<void> {
    await this.seal();
    if (this.isDamaged) {
      const aside = segmentPath(this.#folder, this.number, 'damaged');
      await fileCall((files, done) => files.rename(this.#path, aside, done));
    } else await removeFile(this.#path);
    // What stays of them is removed at the next opening.
    await removeFile(this.#acks.path).catch(() => {});
  }
}

function partOf(start: number, records: Buffer, next: number, damagedBytes = 0, tornBytes = 0): SegmentPart {
  return { start, records, next, damagedBytes, tornBytes };
}

export type SegmentFile = 'wto' | 'ack' | 'damaged';

/** As wide as numbers get in a listing for years; longer ones are read too. */
const DIGITS = 10;

export function segmentPath(folder: string, number: number, kind: SegmentFile): string {
  return `${folder}/${String(number).padStart(DIGITS, '0')}.${kind}`;
}

/** @returns undefined of a name that is none of ours */
export function parseSegmentName(name: string): { number: number; kind: SegmentFile } | undefined {
  const found = /^(\d{10,15})\.(wto|ack|damaged)$/.exec(name);
  return found ? { number: Number(found[1]), kind: found[2] as SegmentFile } : undefined;
}
