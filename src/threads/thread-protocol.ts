import type { MessagePort } from 'node:worker_threads';
import type { ThrownShape } from '../core/index.js';

/** The one method that a thread of a pool offers to workerpool. */
export const RUN_METHOD = 'watertight:run';

/** `Int32Array` index in the shared memory of a thread: number of the task that was told to stop. */
export const ABORTED_TASK = 0;
/** `Float64Array` index in the same memory: bytes of heap in use when the last task ended. */
export const HEAP_BYTES = 1;
export const SHARED_BYTES = 16;

/** What a thread of a pool gets as `workerData`. */
export interface ThreadStart {
  readonly watertight: {
    readonly name: string;
    /** URL of the module with the functions to run; else `source` is one function's text. */
    readonly file: string | undefined;
    readonly source: string | undefined;
    readonly data: unknown;
    readonly watchesHeap: boolean;
    readonly shared: SharedArrayBuffer;
    /** `AbortMessage`s, delivered as events. */
    readonly control: MessagePort;
    /** Inputs, taken out one by one: what cannot be cloned is refused before workerpool has booked the task. */
    readonly inputs: MessagePort;
  };
}

export interface AbortMessage {
  readonly abort: number;
  readonly reason: string;
}

export type TaskAnswer = { readonly value: unknown } | { readonly thrown: ThrownShape };
