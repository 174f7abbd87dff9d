import {
  builtin,
  checkOptionNames,
  checkOwner,
  kindOf,
  type Owned,
  type Owner,
  WatertightError,
} from '../core/index.js';
import { checkLabel, parseLeaseName } from '../leases/index.js';
import { native, needNative, whyNoNative } from '../native/index.js';
import { Mapping, sharedBuffer } from './mapping.js';
import { forgetSegment, rememberSegment } from './open-segments.js';
import {
  findHandle,
  makeFile,
  openFile,
  releaseFile,
  type SegmentFile,
  type SegmentHandle,
  systemFailure,
} from './segment-file.js';

export interface SegmentOptions {
  /** Size; what is used of it is up to the caller. 1 to 2³⁶ (64 GiB), and no more than the machine can map. */
  readonly bytes: number;
  /** 1 to 63 letters, digits, `_` or `-`: the segment can then be opened by it. By default it has none, and nobody can find it. */
  readonly name?: string | undefined;
  /**
   * Whether all its memory is taken at once (the default), or page by page when first touched: made in a tenth of the time,
   * and then memory may be short when it is used. Only without a name: in a full folder such a use would end the process.
   */
  readonly preallocate?: boolean | undefined;
  /** Closes the segment when it closes. */
  readonly scope?: Owner | undefined;
}

/** 64 GiB: 2¹⁶ blocks of 1 MiB, and what V8 still makes a typed array over. */
const MAX_BYTES = 2 ** 36;

/**
 * Memory that several threads and processes share, as one SharedArrayBuffer: `Atomics` hold across all of them.
 *
 * It ends with its last holder, however that ends. Each holder closes its own view; what it has closed reads as zeros.
 * Without a name it is nowhere to be found but through a handle, and nobody can change its size. With a name it is an
 * entry of `/dev/shm`, one for each holder; what killed holders leave, `reclaim()` removes.
 *
 * Where native calls cannot be made, segments are shared by the threads of this process only, and a warning says so once.
 *
 * Cost: 15 µs to make or open, 5 µs to close, and the zeroing of its pages at first touch (0.3 ms a MiB); one descriptor
 * while it has no name.
 *
 * @example
 * const segment = Segment.create({ bytes: 4096, scope });
 * const words = new Int32Array(segment.buffer, 0, 1024); // with its length: a view that tracks it is 30 times slower
 * child.send(segment.handle); // there: Segment.open(handle)
 */
export class Segment {
  /** As asked for; `buffer.byteLength` is the next multiple of the page. */
  readonly bytes: number;
  readonly buffer: SharedArrayBuffer;
  /** False when only the threads of this process can share it. */
  readonly isAcrossProcesses: boolean;
  readonly #file: SegmentFile | undefined;
  readonly #mapping: Mapping | undefined;
  readonly #record: object;
  #held: Owned | undefined;
  #isOpen = true;

  private constructor(bytes: number, file: SegmentFile | undefined, buffer?: SharedArrayBuffer) {
    this.bytes = bytes;
    this.#file = file;
    this.#mapping = file ? mapped(file) : undefined;
    this.buffer = this.#mapping?.buffer ?? buffer ?? sharedBuffer(bytes);
    this.isAcrossProcesses = file !== undefined;
    this.#record = rememberSegment(this.buffer, file, bytes);
  }

  /**
   * Makes a segment, all zeros, with all its memory taken at once: later use cannot fail.
   * @throws RangeError, TypeError; WatertightError WT_SHM_FULL, WT_SHM_SYSTEM, WT_LEASES_FOLDER
   */
  static create(options: SegmentOptions): Segment {
    const where = 'Segment.create(options)';
    checkOptionNames(where, options, ['bytes', 'name', 'preallocate', 'scope']);
    const { bytes, name, preallocate = true, scope } = options;
    if (!Number.isSafeInteger(bytes) || bytes < 1 || bytes > MAX_BYTES) {
      throw new RangeError(`${where}: bytes must be a whole number from 1 to ${MAX_BYTES}, not ${kindOf(bytes)}`);
    }
    checkOwner(where, scope);
    checkLabel(where, 'name', name);
    if (typeof preallocate !== 'boolean' || (!preallocate && name !== undefined)) {
      throw new TypeError(`${where}: preallocate must be a boolean, and true with a name, not ${kindOf(preallocate)}`);
    }
    const calls = native();
    if (!calls) noteLocal();
    return new Segment(bytes, calls ? makeFile(calls, bytes, name, preallocate) : undefined).#heldBy(scope);
  }

  /**
   * Opens a segment of this process or another by its handle, or a named one by its name.
   * @throws TypeError; WatertightError WT_SHM_GONE, WT_SHM_CHANGED, WT_SHM_AMBIGUOUS, WT_SHM_LOCAL, WT_SHM_SYSTEM, WT_NATIVE_UNAVAILABLE
   */
  static open(from: SegmentHandle | string, options: { readonly scope?: Owner | undefined } = {}): Segment {
    const where = 'Segment.open(handle, options)';
    checkOptionNames(where, options, ['scope']);
    checkOwner(where, options.scope);
    const handle = typeof from === 'string' ? findHandle(checkedName(where, from)) : checkHandle(where, from);
    if (handle.kind === 'local') return new Segment(handle.bytes, undefined, handle.buffer).#heldBy(options.scope);
    return new Segment(handle.bytes, openFile(needNative('open a shared segment'), handle)).#heldBy(options.scope);
  }

  /** For a worker (structured clone) or, when `isAcrossProcesses`, another process (JSON), while this holder lives. */
  get handle(): SegmentHandle {
    this.#checkOpen('pass on');
    const { bytes } = this;
    if (!this.#file) return { kind: 'local', buffer: this.buffer, bytes };
    const { fd, inode, path } = this.#file;
    if (path === undefined) return { kind: 'anonymous', pid: process.pid, fd, inode, bytes };
    return { kind: 'named', file: builtin.path.basename(path), inode, bytes };
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Where the buffer begins, for native calls; 0 in the backend without any. */
  get address(): number {
    this.#checkOpen('use');
    return this.#mapping?.address ?? 0;
  }

  /** Ends this holder's share. Its views read zeros then, in every thread of this process that was given the buffer. Once. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#held?.detach();
    forgetSegment(this.#record);
    this.#mapping?.close();
    if (this.#file) releaseFile(this.#file);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #heldBy(scope: Owner | undefined): this {
    if (scope) this.#held = scope.defer(`segment of ${this.bytes} bytes`, () => this.close());
    return this;
  }

  #checkOpen(action: string): void {
    if (this.#isOpen) return;
    throw new WatertightError('WT_SHM_CLOSED', `Cannot ${action} a segment of ${this.bytes} bytes as it is closed`, {
      hint: 'close it after its last use',
    });
  }
}

function mapped(file: SegmentFile): Mapping {
  try {
    return new Mapping(needNative('map a segment'), file.fd, file.fileBytes);
  } catch (cause) {
    releaseFile(file);
    throw systemFailure(`map ${file.fileBytes} bytes`, (cause as NodeJS.ErrnoException).code ?? 'no memory', cause);
  } finally {
    if (file.path !== undefined) builtin.files.closeSync(file.fd);
  }
}

function checkedName(where: string, name: string): string {
  checkLabel(where, 'name', name);
  needNative('open a segment by its name');
  return name;
}

/** A handle may come from another program: every field is looked at. */
function checkHandle(where: string, handle: unknown): SegmentHandle {
  const given = Object(handle) as { readonly [field: string]: unknown };
  const isCount = (value: unknown, most: number) =>
    Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= most;
  const isSized = isCount(given.bytes, MAX_BYTES) && given.bytes !== 0;
  if (isSized && given.kind === 'local') return checkLocal(handle as SegmentHandle & { kind: 'local' });
  const isFile = isSized && isCount(given.inode, Number.MAX_SAFE_INTEGER);
  if (isFile && given.kind === 'anonymous' && isCount(given.pid, 2 ** 31) && isCount(given.fd, 2 ** 31)) {
    return handle as SegmentHandle;
  }
  if (isFile && given.kind === 'named' && parseLeaseName(String(given.file))?.kind === 'segment') {
    return handle as SegmentHandle;
  }
  throw new TypeError(`${where}: handle must be the handle of a segment, or the name of one, not ${kindOf(handle)}`);
}

function checkLocal(handle: SegmentHandle & { kind: 'local' }): SegmentHandle {
  if (handle.buffer instanceof SharedArrayBuffer && handle.buffer.byteLength >= handle.bytes) return handle;
  throw new WatertightError(
    'WT_SHM_LOCAL',
    'Cannot open a segment of another process as it was made without native calls',
    {
      hint: 'on Linux: npm install koffi, for both programs',
      details: { bytes: handle.bytes },
    },
  );
}

let isLocalNoted = false;

function noteLocal(): void {
  if (isLocalNoted) return;
  isLocalNoted = true;
  process.emitWarning(`shared memory reaches the threads of this process only, as ${whyNoNative()}`, {
    type: 'WatertightWarning',
    code: 'WT_SHM_LOCAL',
  });
}
