import { Segment, type SegmentHandle } from '../shm/index.js';
import { type Capacity, layoutOf } from './layout.js';
import type { Settings } from './options.js';
import { layoutError } from './refusals.js';

/** What another thread or process needs to attach: plain data, to be posted, or sent as JSON where segments go across processes. */
export interface BlockPoolHandle {
  readonly kind: 'watertight-blocks';
  readonly name: string;
  readonly capacity: Capacity;
  readonly segment: SegmentHandle;
  /** Where the blocks' bytes are: behind the words, nowhere, or in another segment. */
  readonly data: 'same' | 'none' | SegmentHandle;
  readonly dataBytes: number;
}

/** The memory of a pool as one participant sees it. */
export interface PoolMemory {
  readonly handle: BlockPoolHandle;
  readonly words: Int32Array;
  readonly bytes: Uint8Array | null;
  /** Opened here, and to be closed with the pool. */
  readonly segments: readonly Segment[];
}

const PAGE_BYTES = 4096;

/** Blocks begin on a page of their own. */
function controlBytes(capacity: Capacity): number {
  return Math.ceil((layoutOf(capacity).words * 4) / PAGE_BYTES) * PAGE_BYTES;
}

/** @throws RangeError when a given segment is too small; what making a segment throws */
export function makeSegments({ name, capacity, configuration, data }: Settings): PoolMemory {
  const control = controlBytes(capacity);
  const wanted = data === false ? 0 : capacity.blocks * configuration.blockBytes;
  const isOther = typeof data !== 'boolean';
  if (isOther && data.bytes < configuration.totalBlocks * configuration.blockBytes) {
    throw new RangeError(
      `BlockPool: data must be a segment of ${configuration.totalBlocks * configuration.blockBytes} bytes or more, got one of ${data.bytes}`,
    );
  }
  // Its own way to the memory: that of whoever made the segment ends with that one.
  const arena = isOther ? Segment.open(data.handle) : undefined;
  const segment = madeOr(control + (isOther ? 0 : wanted), arena);
  const handle: BlockPoolHandle = {
    kind: 'watertight-blocks',
    name,
    capacity,
    segment: segment.handle,
    data: arena ? arena.handle : data ? 'same' : 'none',
    dataBytes: arena ? arena.bytes : wanted,
  };
  return memoryOf(handle, segment, arena, arena ? [segment, arena] : [segment]);
}

function madeOr(bytes: number, arena: Segment | undefined): Segment {
  try {
    return Segment.create({ bytes });
  } catch (error) {
    arena?.close();
    throw error;
  }
}

/** @throws WatertightError WT_BLOCKS_LAYOUT; what opening a segment throws */
export function openSegments(handle: BlockPoolHandle): PoolMemory {
  const segment = Segment.open(handle.segment);
  const data = typeof handle.data === 'string' ? undefined : Segment.open(handle.data);
  const segments = data ? [segment, data] : [segment];
  try {
    // Its own way to the memory: that of the one who made the pool ends with that one.
    const own = { ...handle, segment: segment.handle, data: data ? data.handle : handle.data };
    return memoryOf(own, segment, data, segments);
  } catch (error) {
    for (const one of segments) one.close();
    throw error;
  }
}

function memoryOf(
  handle: BlockPoolHandle,
  segment: Segment,
  data: Segment | undefined,
  segments: readonly Segment[],
): PoolMemory {
  const at = controlBytes(handle.capacity);
  const needed = at + (handle.data === 'same' ? handle.dataBytes : 0);
  if (segment.buffer.byteLength < needed) {
    throw layoutError(`has ${segment.buffer.byteLength} bytes where the handle says ${needed}`);
  }
  // Views of fixed length: one that follows a growable buffer costs 56 ns an access.
  const words = new Int32Array(segment.buffer, 0, layoutOf(handle.capacity).words);
  const within = data ? new Uint8Array(data.buffer, 0, handle.dataBytes) : null;
  const bytes = handle.data === 'same' ? new Uint8Array(segment.buffer, at, handle.dataBytes) : within;
  return { handle, words, bytes, segments };
}
