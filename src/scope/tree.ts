import { plainText } from '../core/index.js';
import { ABANDONED, ACQUIRING, type Entry, RELEASING } from './entry.js';
import type { ScopeState } from './scope.js';

/** Lines of one scope in print: a ledger of a hundred thousand must not fill a terminal. */
const LINES_PER_SCOPE = 20;
const NAME_CHARS = 80;
/** `util.inspect.custom`: how an object prints itself in `console.log`. */
const INSPECT: unique symbol = Symbol.for('nodejs.util.inspect.custom') as never;

/** One resource that is held. */
export interface TreeResource {
  readonly name: string;
  readonly state: 'acquiring' | 'held' | 'releasing' | 'abandoned';
  readonly ageMs: number;
  /** `file:line`; absent where the place was not sampled. */
  readonly acquiredAt?: string;
}

/** What a scope holds at one moment: plain data; as text, a tree with the age of each resource, oldest first. */
export class ScopeTree {
  readonly name: string;
  readonly state: ScopeState;
  readonly ageMs: number;
  readonly resources: readonly TreeResource[];
  readonly children: readonly ScopeTree[];

  constructor(
    name: string,
    state: ScopeState,
    ageMs: number,
    entries: readonly Entry[],
    children: readonly ScopeTree[],
    now: number,
  ) {
    this.name = name;
    this.state = state;
    this.ageMs = ageMs;
    this.resources = entries.map((entry) => resourceOf(entry, now));
    this.children = children;
  }

  /** Resources here and below. */
  get count(): number {
    return this.children.reduce((sum, child) => sum + child.count, this.resources.length);
  }

  /** The whole tree for people: at most 20 lines of each kind a scope, names without control characters. */
  toString(): string {
    return this.#lines().join('\n');
  }

  [INSPECT](): string {
    return this.toString();
  }

  #lines(): string[] {
    const state = this.state === 'open' ? '' : `, ${this.state}`;
    const head = `${plainText(this.name, NAME_CHARS)}  ${ageText(this.ageMs)}, holds ${this.count}${state}`;
    const rows = cutTo(LINES_PER_SCOPE, this.resources, 'resource').map((item) =>
      typeof item === 'string' ? [item] : [resourceText(item)],
    );
    const branches = cutTo(LINES_PER_SCOPE, this.children, 'scope').map((item) =>
      typeof item === 'string' ? [item] : item.#lines(),
    );
    const all = [...rows, ...branches];
    return [head, ...all.flatMap((lines, at) => indent(lines, at === all.length - 1))];
  }
}

function resourceOf(entry: Entry, now: number): TreeResource {
  const { name, state } = entry;
  const acquiredAt = entry.extra?.place?.text;
  return {
    name,
    state:
      state === ACQUIRING
        ? 'acquiring'
        : state === RELEASING
          ? 'releasing'
          : state === ABANDONED
            ? 'abandoned'
            : 'held',
    ageMs: Math.max(0, now - entry.acquiredAtMs),
    ...(acquiredAt === undefined ? {} : { acquiredAt }),
  };
}

function resourceText({ name, state, ageMs, acquiredAt }: TreeResource): string {
  const details = [
    ageText(ageMs),
    ...(state === 'held' ? [] : [state]),
    ...(acquiredAt ? [plainText(acquiredAt, 200)] : []),
  ];
  return `${plainText(name, NAME_CHARS)}  ${details.join(', ')}`;
}

function cutTo<T>(most: number, items: readonly T[], what: string): (T | string)[] {
  if (items.length <= most) return [...items];
  const more = items.length - most + 1;
  return [...items.slice(0, most - 1), `… ${more.toLocaleString('en')} more ${what}s`];
}

function indent(lines: readonly string[], isLast: boolean): string[] {
  return lines.map((line, at) => (at === 0 ? `${isLast ? '└─' : '├─'} ${line}` : `${isLast ? '  ' : '│ '} ${line}`));
}

/** `340 ms`, `4.5 s`, `12 s`, `5 min`, `3 h`, `12 d`. */
export function ageText(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 9_950) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 172_800_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} d`;
}
