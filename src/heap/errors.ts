import { WatertightError } from '../core/index.js';

export type HeapErrorCode = 'WT_HEAP_NOT_A_SNAPSHOT' | 'WT_HEAP_TRUNCATED' | 'WT_HEAP_CORRUPT' | 'WT_HEAP_TOO_LARGE';

const HINTS: Readonly<Record<HeapErrorCode, string>> = {
  WT_HEAP_NOT_A_SNAPSHOT: 'give a file written by v8.writeHeapSnapshot() or saved by Chrome DevTools',
  WT_HEAP_TRUNCATED: 'the writer was stopped or the disk was full; take the snapshot again',
  WT_HEAP_CORRUPT: 'the file was changed after it was written; take the snapshot again',
  WT_HEAP_TOO_LARGE:
    'read it where more memory is free; nodes and edges must fit 4 GiB, which are some 155 million edges',
};

/** Makes the error for a snapshot that cannot be read: what is wrong, in which section, at which byte. */
export function heapError(
  code: HeapErrorCode,
  problem: string,
  section: string,
  byteOffset: number,
  cause?: unknown,
): WatertightError {
  const message = `Cannot read the heap snapshot as ${problem} (section ${section}, byte ${byteOffset})`;
  return new WatertightError(code, message, { hint: HINTS[code], details: { section, byteOffset }, cause });
}
