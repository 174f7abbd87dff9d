import { WatertightError } from '../core/index.js';

export type HeapErrorCode = 'WT_HEAP_NOT_A_SNAPSHOT' | 'WT_HEAP_TRUNCATED' | 'WT_HEAP_CORRUPT';

const HINTS: Readonly<Record<HeapErrorCode, string>> = {
  WT_HEAP_NOT_A_SNAPSHOT: 'give a file written by v8.writeHeapSnapshot() or saved by Chrome DevTools',
  WT_HEAP_TRUNCATED: 'the writer was stopped or the disk was full; take the snapshot again',
  WT_HEAP_CORRUPT: 'the file was changed after it was written; take the snapshot again',
};

/** Makes the error for a snapshot that cannot be read: what is wrong, in which section, at which byte. */
export function heapError(code: HeapErrorCode, problem: string, section: string, byteOffset: number): WatertightError {
  const message = `Cannot read the heap snapshot as ${problem} (section ${section}, byte ${byteOffset})`;
  return new WatertightError(code, message, { hint: HINTS[code], details: { section, byteOffset } });
}
