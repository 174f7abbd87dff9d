import { getHeapSpaceStatistics } from 'node:v8';
import type { IsolateSample } from './sample.js';

/**
 * Reads the memory and the active resources of the isolate that calls it (the main thread, or one worker).
 *
 * Timers and handles that were unref'd are not active resources: they do not keep the program alive, and Node does
 * not list them. `OriginRecorder` sees those too.
 *
 * Cost: ≈ 5 µs and 1 µs for every hundred active resources.
 *
 * @example
 * const { heapUsedBytes, resources } = sampleIsolate();
 */
export function sampleIsolate(): IsolateSample {
  const { heapUsed, heapTotal, external, arrayBuffers } = process.memoryUsage();
  const resources: Record<string, number> = {};
  for (const type of process.getActiveResourcesInfo()) resources[type] = (resources[type] ?? 0) + 1;
  return {
    heapUsedBytes: heapUsed,
    codeBytes: codeBytes(),
    heapTotalBytes: heapTotal,
    externalBytes: external,
    arrayBuffersBytes: arrayBuffers,
    resources,
  };
}

/** Machine code, and since V8 12 the bytecode that moved out of the old space. */
const CODE_SPACES = new Set(['code_space', 'code_large_object_space', 'trusted_space', 'trusted_large_object_space']);

function codeBytes(): number {
  let bytes = 0;
  for (const space of getHeapSpaceStatistics()) {
    if (CODE_SPACES.has(space.space_name)) bytes += space.space_used_size;
  }
  return bytes;
}
