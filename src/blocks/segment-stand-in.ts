/*
 * STAND-IN for src/shm and src/leases until they are here; to be deleted then. Within one process it is a plain
 * SharedArrayBuffer; tests put in a mapping across processes.
 */
import { readFileSync, readlinkSync } from 'node:fs';

export interface SegmentHandle {
  readonly bytes: number;
  readonly buffer?: SharedArrayBuffer;
  readonly path?: string;
}

export interface Mapper {
  create(bytes: number): { buffer: SharedArrayBuffer; path: string; close(): void };
  open(path: string, bytes: number): { buffer: SharedArrayBuffer; close(): void };
}

let mapper: Mapper | undefined;

export function setMapper(used: Mapper | undefined): void {
  mapper = used;
}

export class Segment {
  readonly buffer: SharedArrayBuffer;
  readonly bytes: number;
  readonly isAcrossProcesses: boolean;
  readonly handle: SegmentHandle;
  readonly #close: () => void;

  private constructor(buffer: SharedArrayBuffer, handle: SegmentHandle, close: () => void) {
    this.buffer = buffer;
    this.bytes = handle.bytes;
    this.handle = handle;
    this.isAcrossProcesses = handle.path !== undefined;
    this.#close = close;
  }

  static create({ bytes }: { bytes: number; name?: string }): Segment {
    if (mapper) {
      const { buffer, path, close } = mapper.create(bytes);
      return new Segment(buffer, { bytes, path }, close);
    }
    const buffer = new SharedArrayBuffer(bytes);
    return new Segment(buffer, { bytes, buffer }, () => {});
  }

  static open(handle: SegmentHandle): Segment {
    if (handle.buffer) return new Segment(handle.buffer, handle, () => {});
    const { buffer, close } = mapper!.open(handle.path!, handle.bytes);
    return new Segment(buffer, handle, close);
  }

  close(): void {
    this.#close();
  }
}

let uid = '';

export function thisOwner(): { readonly uid: string } {
  if (uid === '') {
    const [pid, , tid] = readlinkSync('/proc/thread-self').split('/');
    uid = [pid, tid, startOf(Number(pid), Number(tid))].map((value) => Number(value).toString(36)).join('-');
  }
  return { uid };
}

export function ownerState(of: string): 'alive' | 'dead' | 'unknown' {
  const [pid, tid, start] = of.split('-').map((part) => Number.parseInt(part, 36));
  return startOf(pid, tid) === start ? 'alive' : 'dead';
}

/** Start time in ticks; 0 where there is no such thread, or it is a zombie. */
function startOf(pid: number, tid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/task/${tid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return 'ZX'.includes(fields[0]) ? 0 : Number(fields[19]);
  } catch {
    return 0;
  }
}
