/**
 * Memory that threads and processes share: a real SharedArrayBuffer, with Atomics that hold between processes, safe after
 * close, gone with its last holder however that ends.
 *
 * @module
 * @example
 * import { Segment } from 'watertight/shm';
 *
 * using segment = Segment.create({ bytes: 4096 });
 * const words = new Int32Array(segment.buffer, 0, 1024);
 * Atomics.add(words, 0, 1); // child.send(segment.handle), and there Segment.open(handle): the same word
 */
export { type OpenSegment, openSegments } from './open-segments.js';
export { Segment, type SegmentOptions } from './segment.js';
export type { SegmentHandle } from './segment-file.js';
export { SIGNAL_BYTES, Signal, type WaitResult } from './signal.js';
