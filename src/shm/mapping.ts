// A growable SharedArrayBuffer begins at a page and is unmapped by V8 as a whole; its pages are replaced, in place, by those
// of the segment's file. JavaScript sees an ordinary shared buffer: Atomics hold across processes, workers share it without
// a copy, and nothing that V8 knows of is ever unmapped by us. Closing puts zero pages there: a stale view reads zeros
// where memory from outside would end the process with SIGSEGV.
import type { Native } from '../native/index.js';

/** A buffer that is a file. */
export class Mapping {
  readonly buffer: SharedArrayBuffer;
  /** Where the buffer begins; holds while the buffer lives. */
  readonly address: number;
  readonly #calls: Native;

  /** Maps the whole of a file whose size is `bytes`, a multiple of the page. @throws Error of the system (`ENOMEM`, …) */
  constructor(calls: Native, fd: number, bytes: number) {
    this.#calls = calls;
    this.buffer = sharedBuffer(bytes);
    this.address = calls.addressOf(new Uint8Array(this.buffer, 0, bytes));
    // Looked at once more for each: mapping over memory that is not wholly ours would destroy what else is in its pages.
    if (this.address % calls.pageBytes !== 0)
      throw new Error(`a shared buffer begins at ${this.address}, not at a page`);
    calls.mapOver(this.address, bytes, fd);
  }

  /** Gives the file's pages back; every view of the buffer, in all threads of this process, reads zeros from then on. */
  close(): void {
    this.#calls.mapZerosOver(this.address, this.buffer.byteLength);
  }
}

/** Never grows: growable is what makes V8 reserve whole pages for it. @throws RangeError when there is no room for it */
export function sharedBuffer(bytes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(bytes, { maxByteLength: bytes });
}
