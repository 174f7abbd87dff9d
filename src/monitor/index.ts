/**
 * What a process holds, read from inside and from the kernel, by identity; and who created it.
 *
 * `sampleIsolate` reads one isolate, `ProcessSampler` one process, each in a few milliseconds and without holding
 * anything. `OriginRecorder` and `trapContainer` say which line creates what grows; they cost more, and are meant for
 * the time in which somebody looks closer.
 *
 * @module
 * @example
 * import { OriginRecorder, ProcessSampler, sampleIsolate } from 'watertight/monitor';
 *
 * const sampler = new ProcessSampler();
 * const before = new Set(sampler.sample().sockets);
 * const recorder = new OriginRecorder();
 * recorder.start();
 * // ... some work ...
 * recorder.stop();
 * const opened = sampler.sample().sockets.filter((socket) => !before.has(socket));
 * console.log(sampleIsolate().heapUsedBytes, opened, recorder.report()[0]);
 */
export type { Frame } from './frames.js';
export { sampleIsolate } from './isolate.js';
export type { Origin, OriginKind } from './origin-table.js';
export { OriginRecorder } from './origins.js';
export { ProcessSampler, type ProcessSamplerOptions } from './process.js';
export type {
  AdditionSite,
  AllocationSite,
  CommandName,
  Commands,
  FromAgent,
  Hello,
  NumberProperty,
  OriginSite,
  Position,
  Problem,
  Request,
  RunAnswer,
} from './protocol.js';
export { ENVIRONMENT } from './protocol.js';
export type { IsolateSample, ProcessSample } from './sample.js';
export { type ContainerTrap, trapContainer } from './trap-container.js';
