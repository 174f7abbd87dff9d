import { builtin } from '../core/index.js';
import { releaseFile, type SegmentFile } from './segment-file.js';

/** One segment that this thread holds open. */
export interface OpenSegment {
  readonly bytes: number;
  /** Its entry in the folder of leases, or undefined when it has no name. */
  readonly path: string | undefined;
  readonly inode: number;
}

interface Record extends OpenSegment {
  readonly file: SegmentFile | undefined;
}

const open = new Set<Record>();

/** A buffer that was collected without `close()`: V8 gave its pages back; the descriptor and the name are ours to give. */
const forgotten = new FinalizationRegistry<Record>((record) => {
  open.delete(record);
  if (record.file) releaseFile(record.file);
  const { bytes, path } = record;
  builtin.diagnostics.channel('watertight:shm-forgotten').publish({ bytes, path });
});

export function rememberSegment(buffer: SharedArrayBuffer, file: SegmentFile | undefined, bytes: number): object {
  const record: Record = { bytes, path: file?.path, inode: file?.inode ?? 0, file };
  open.add(record);
  forgotten.register(buffer, record, record);
  return record;
}

export function forgetSegment(record: object): void {
  open.delete(record as Record);
  forgotten.unregister(record);
}

/** What this thread holds open. */
export function openSegments(): readonly OpenSegment[] {
  return [...open].map(({ bytes, path, inode }) => ({ bytes, path, inode }));
}
