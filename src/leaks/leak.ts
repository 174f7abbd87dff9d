/** What a soak can find growing; one word for each kind of thing that a program can forget. */
export type LeakKind =
  | 'heap-objects'
  | 'growing-container'
  | 'external-memory'
  | 'native-memory'
  | 'listener'
  | 'timer'
  | 'handle'
  | 'file-descriptor'
  | 'socket'
  | 'child-process'
  | 'thread'
  | 'shared-memory'
  | 'temp-file'
  | 'lease'
  | 'block'
  | 'unsettled-promise';

export type Verdict = 'leak' | 'clean' | 'undecided';

/** One step of a retaining path: the edge that is followed, and the node that it leads to. */
export interface PathStep {
  /** Edge name as in the snapshot (`_events`, `[]` for any index, `history` for a variable of a closure). */
  readonly edge: string;
  /** V8's edge type: `property`, `element`, `context`, `internal`, `hidden`, `shortcut`. */
  readonly type: string;
  /** Class or name of the node that the edge leads to. */
  readonly node: string;
}

export interface SourcePosition {
  /** Function name; `(anonymous)` where it has none. */
  readonly function: string;
  /** File path or URL, source maps applied. */
  readonly file: string;
  /** Line, from 1. */
  readonly line: number;
}

/** One thing that grows, with its cause. All text in here comes from the observed program: escape before showing. */
export interface Leak {
  readonly kind: LeakKind;
  /** Growth for each iteration (or request), in `unit`. */
  readonly perIteration: number;
  /** 95 % confidence interval of `perIteration`. */
  readonly ci: readonly [number, number];
  /** `objects`, `elements`, `bytes`, `descriptors`, `timers`, `processes` … */
  readonly unit: string;
  /** Bytes that each iteration leaves behind, all that the leaked thing holds included; absent where unknown. */
  readonly bytesPerIteration?: number;
  /** Class of what piles up: `Order`, `string`, `() => … onMessage`, `/tmp/x-*.log`. */
  readonly className: string;
  /** From a garbage-collection root to the growing thing; empty for kinds that are not in the heap. */
  readonly path: readonly PathStep[];
  /** The path as people write it: `bus._events.message[]`. */
  readonly pathText: string;
  /** The function and line that made it or put it there. */
  readonly allocatedAt: SourcePosition | null;
  /** Further frames of that call stack, innermost first, already formatted: `handle (server.js:12:5)`. */
  readonly stack?: readonly string[];
  /** Where the class or closure is declared. */
  readonly declaredAt: SourcePosition | null;
  /** Name of the pattern, as in docs/soak.md: `unbounded collection`, `listener pile-up` … */
  readonly pattern: string;
  /** What to do about it. */
  readonly hint: string;
}
