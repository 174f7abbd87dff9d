import type { AsyncHook } from 'node:async_hooks';
import { WatertightError } from '../core/index.js';
import { FileOrigins, publishFileFunctions } from './file-origins.js';
import { type Frame, type Stack, StackTable } from './frames.js';
import { type HandleCreation, handleHook, type NewHandle, patchListen, StackCarrier } from './handle-origins.js';
import { LiveListeners, patchListeners } from './listener-origins.js';
import { type Creation, type Origin, type OriginKind, OriginTable } from './origin-table.js';
import { type AnyFunction, Patches } from './patches.js';

/** Distinct stacks kept: twice the groups, as created paths refer to stacks too. 4,000 stacks ≈ 8 MB. */
const STACK_LIMIT = 4_000;

/** Wrappers and hooks are shared by the whole isolate: two recorders would wrap each other. */
let recording: OriginRecorder | undefined;

/**
 * Records which lines of the program create timers, descriptors, sockets, child processes, threads, listeners and
 * other handles, from `start()` to `stop()`, in the isolate that calls it. What was created before stays unknown.
 *
 * It never throws into the program and keeps none of its objects alive. While it records, functions of `node:fs`,
 * `EventEmitter.prototype` and `EventTarget.prototype` are wrapped (same `this`, arguments, results, errors and own
 * properties; a promise of `fs.promises.open` and `mkdtemp` settles one microtask later); `stop()` puts them back.
 * It holds at most 2,000 places, 4,000 stacks and 10,000 paths. A record stays readable after `stop()`.
 *
 * Limits: a program that overflows its call stack inside Node's hooks ends, as with any use of `async_hooks`. Frames
 * are those of the code that runs, source maps not applied.
 *
 * Cost: 6–24 µs for each timer, handle, open or listener (mostly V8 taking the stack) and ≤ 0.2 µs for each promise;
 * nothing when stopped. Measured by `bench/monitor/sample-cost.bench.ts`.
 *
 * @example
 * const recorder = new OriginRecorder();
 * recorder.start();
 * const timer = setInterval(() => {}, 1_000);
 * console.log(recorder.report()[0]?.stack[0]); // the line above
 * recorder.stop();
 */
export class OriginRecorder {
  readonly #stacks = new StackTable(STACK_LIMIT);
  readonly #table = new OriginTable(() => new LiveListeners());
  readonly #carrier = new StackCarrier();
  readonly #files = new FileOrigins(
    this.#carrier,
    (below) => this.#capture(below),
    (stack, creation) => this.#add('descriptor', 'file', '', stack, creation),
  );
  readonly #patches = new Patches();
  #hook: AsyncHook | undefined;
  #isBusy = false;

  get isRecording(): boolean {
    return recording === this;
  }

  /**
   * Starts recording; nothing happens when it records already.
   * Throws `WT_MONITOR_RECORDING` while another recorder runs in this isolate. Cost: ≈ 2 ms.
   */
  start(): void {
    if (recording === this) return;
    if (recording) {
      throw new WatertightError('WT_MONITOR_RECORDING', 'Cannot record origins as another recorder runs already', {
        hint: 'stop the other OriginRecorder first: one isolate takes one',
      });
    }
    recording = this;
    patchListeners(
      this.#patches,
      (below) => this.#capture(below),
      (className, event, stack, creation) => this.#add('listener', `${className} ${event}`, '', stack, creation),
    );
    this.#files.patch(this.#patches);
    patchListen(this.#patches, this.#carrier, (below) => this.#capture(below));
    publishFileFunctions();
    this.#patches.activate();
    this.#hook ??= handleHook(this.#carrier, (below) => this.#capture(below), this.#addHandle);
    this.#hook.enable();
  }

  /** Stops recording and puts every wrapped function back. */
  stop(): void {
    if (recording !== this) return;
    recording = undefined;
    this.#hook?.disable();
    this.#patches.restore();
    this.#files.unpatch();
    publishFileFunctions();
  }

  /** Forgets everything that was recorded. */
  reset(): void {
    this.#table.clear();
    this.#files.clear();
    this.#carrier.clear();
    this.#stacks.clear();
  }

  /** Places that created something, those with the most live things first. Cost: ≈ 0.2 µs a live thing. */
  report(): Origin[] {
    return this.#whileBusy(() => {
      this.#files.settle();
      return this.#table.origins();
    }, []);
  }

  /** Where an open descriptor was opened; undefined when that was not seen. Cost: linear in the live handles. */
  stackOfDescriptor(fd: number): readonly Frame[] | undefined {
    return this.#files.stackOfDescriptor(fd)?.frames ?? this.#framesOfHandle(fd);
  }

  /** Where a file or folder was created or last written through `fs`; undefined when that was not seen. */
  pathOrigin(path: string): readonly Frame[] | undefined {
    return this.#files.stackOfPath(path)?.frames;
  }

  #framesOfHandle(fd: number): readonly Frame[] | undefined {
    for (const group of this.#table.groups) {
      for (const creation of group.creations) if ((creation as HandleCreation).fd === fd) return group.frames;
    }
    return undefined;
  }

  readonly #addHandle = ({ kind, name, detail, creation }: NewHandle, stack: Stack): void => {
    this.#add(kind, name, detail, stack, creation);
  };

  #capture(below: AnyFunction): Stack | undefined {
    return this.#whileBusy(() => {
      const stack = this.#stacks.capture(below);
      return stack?.frames.length === 0 ? (this.#carrier.arrived ?? stack) : stack;
    }, undefined);
  }

  #add(kind: OriginKind, name: string, detail: string, stack: Stack, creation: Creation): void {
    this.#whileBusy(() => this.#table.add(kind, name, detail, stack, creation), undefined);
  }

  /** What recording itself sets off is not recorded, and no failure of ours reaches the program. */
  #whileBusy<T>(work: () => T, otherwise: T): T {
    if (this.#isBusy) return otherwise;
    this.#isBusy = true;
    try {
      return work();
    } catch {
      return otherwise;
    } finally {
      this.#isBusy = false;
    }
  }
}
