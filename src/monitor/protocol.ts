import type { IsolateSample, ProcessSample } from './sample.js';

/** What an agent says of itself when it connects: one agent in each isolate of the observed program. */
export interface Hello {
  readonly hello: {
    readonly pid: number;
    readonly ppid: number;
    /** 0 on the main thread, else the worker's id. */
    readonly threadId: number;
    /** Start of the command line, for people. */
    readonly title: string;
    readonly nodeVersion: string;
    readonly heapLimitBytes: number;
  };
}

export interface Position {
  readonly function: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Live bytes by allocating stack, innermost frame first. */
export interface AllocationSite {
  readonly bytes: number;
  readonly count: number;
  readonly stack: readonly Position[];
}

/** Stacks seen adding to a trapped container. */
export interface AdditionSite {
  /** Heap id of the container. */
  readonly heapId: number;
  readonly count: number;
  readonly stack: readonly Position[];
}

export interface OriginSite {
  readonly kind: string;
  readonly label: string;
  /** Created since the recorder started. */
  readonly count: number;
  /** Of these, not yet destroyed. */
  readonly live: number;
  readonly stack: readonly Position[];
}

/** A property of an object, or of its options object, that is a number. */
export interface NumberProperty {
  readonly name: string;
  readonly value: number;
}

/** Every command that the runner may give, with its arguments and its answer. */
export interface Commands {
  /** Collect garbage, let finalizers run, collect again, read the gauges. */
  sample: {
    args: { process: boolean };
    answer: { isolate: IsolateSample; process: ProcessSample | null; gcMs: number };
  };
  /** Write a heap snapshot. */
  snapshot: { args: { file: string }; answer: { ms: number } };
  /** Remember all arrays, maps and sets that are alive. */
  watchContainers: { args: object; answer: { watched: number } };
  /** Remembered containers that are larger than at first: index, first size, size now. */
  grownContainers: { args: object; answer: { grown: [index: number, first: number, now: number][] } };
  /** Heap ids of remembered containers. */
  containerIds: { args: { indexes: number[] }; answer: { heapIds: number[] } };
  /** Number properties, private ones too, of objects given by heap id; none for what has died. */
  numbers: { args: { heapIds: number[] }; answer: { numbers: NumberProperty[][] } };
  /** Drop what watchContainers remembers. */
  forgetContainers: { args: object; answer: object };
  startAllocations: { args: { intervalBytes: number }; answer: object };
  allocations: { args: object; answer: { sites: AllocationSite[] } };
  stopAllocations: { args: object; answer: object };
  /** Record creation stacks of descriptors, timers, children, threads, listeners; trap additions to containers. */
  startOrigins: { args: { containers: number[] }; answer: { trapped: number[] } };
  origins: {
    /** Files and descriptor numbers whose creators are asked for. */
    args: { paths: string[]; descriptors: number[] };
    answer: { origins: OriginSite[]; additions: AdditionSite[]; creators: Position[][] };
  };
  stopOrigins: { args: object; answer: object };
  /** Apply source maps that this process knows. */
  mapPositions: { args: { positions: Position[] }; answer: { positions: Position[] } };
  /** Scenario host only: run iterations `from` … `from + count - 1`. */
  run: { args: { from: number; count: number; maxMs: number }; answer: RunAnswer };
  /** Scenario host only: setup; resolves when the scenario may be run. */
  setup: { args: object; answer: { problem: Problem | null } };
  /** Scenario host only: teardown and exit. */
  teardown: { args: object; answer: { problem: Problem | null } };
}

/** Something that went wrong in the scenario's own code. */
export interface Problem {
  readonly phase: 'load' | 'setup' | 'iteration' | 'teardown' | 'unhandled';
  readonly code: string;
  readonly message: string;
  readonly stack: string;
  readonly iteration: number;
}

export interface RunAnswer {
  /** Iterations that finished. */
  readonly done: number;
  /** Time spent inside them. */
  readonly ms: number;
  readonly problem: Problem | null;
}

export type CommandName = keyof Commands;

export interface Request<Name extends CommandName = CommandName> {
  readonly id: number;
  readonly command: Name;
  readonly args: Commands[Name]['args'];
}

export type FromAgent =
  | Hello
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly failure: string }
  /** Scenario host: the iteration that is running, every 200 ms at most. */
  | { readonly at: number }
  /** Scenario host: an unhandled error, sent before the process ends. */
  | { readonly problem: Problem };

/** Names of the environment variables between runner and agent. */
export const ENVIRONMENT = {
  socket: 'WATERTIGHT_SOCKET',
  scenario: 'WATERTIGHT_SCENARIO',
  /** Folder for the last words of a process that ends on its own. */
  reports: 'WATERTIGHT_REPORTS',
} as const;
