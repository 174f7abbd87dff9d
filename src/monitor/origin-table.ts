import type { Frame, Stack } from './frames.js';

export type OriginKind = 'timer' | 'descriptor' | 'socket' | 'child-process' | 'thread' | 'listener' | 'handle';

/** One place that creates things of one kind. */
export interface Origin {
  readonly kind: OriginKind;
  /** What is created: `setInterval 1000 ms`, `TCP socket`, `Server "request"`. */
  readonly label: string;
  /** Created since the start or the last reset. */
  readonly count: number;
  /** Of these, not yet closed, cleared or removed. */
  readonly live: number;
  /** The program's calls, innermost first; empty when only Node's own code was on the stack. */
  readonly stack: readonly Frame[];
}

/** One created thing. It must not keep that thing alive. */
export interface Creation {
  isLive(census: ListenerCensus): boolean;
}

/** Listeners of emitters, listed once however many creations ask about the same emitter. */
export interface ListenerCensus {
  /** Whether `listener` is still registered; each registration answers once. */
  take(target: object, event: string | symbol, listener: unknown): boolean;
}

/** Distinct places kept; a program creates long-lived things in tens of places, and a place takes ≈ 2 KB. */
const GROUP_LIMIT = 2_000;
/** Creations that a group keeps before it first drops those that ended. */
const FIRST_SWEEP = 64;

/** The creations from one place. The dead ones are dropped whenever the list has doubled: O(1) a creation on average. */
export class OriginGroup {
  readonly kind: OriginKind;
  readonly frames: readonly Frame[];
  readonly #name: string;
  #detail: string;
  #count = 0;
  #creations: Creation[] = [];
  #sweepAt = FIRST_SWEEP;

  constructor(kind: OriginKind, name: string, detail: string, frames: readonly Frame[]) {
    this.kind = kind;
    this.frames = frames;
    this.#name = name;
    this.#detail = detail;
  }

  get creations(): readonly Creation[] {
    return this.#creations;
  }

  add(creation: Creation, detail: string, census: () => ListenerCensus): void {
    this.#count++;
    if (detail !== this.#detail) this.#detail = '';
    this.#creations.push(creation);
    if (this.#creations.length < this.#sweepAt) return;
    const live = this.#sweep(census());
    this.#sweepAt = Math.max(FIRST_SWEEP, live * 2);
  }

  origin(census: ListenerCensus): Origin {
    const live = this.#sweep(census);
    const label = this.#detail === '' ? this.#name : `${this.#name} ${this.#detail}`;
    return { kind: this.kind, label, count: this.#count, live, stack: this.frames };
  }

  /** Newest first: what was added, removed and added again is the newest of its equals. */
  #sweep(census: ListenerCensus): number {
    const live: Creation[] = [];
    for (let index = this.#creations.length - 1; index >= 0; index--) {
      const creation = this.#creations[index]!;
      if (creation.isLive(census)) live.push(creation);
    }
    this.#creations = live.reverse();
    return live.length;
  }
}

/** Groups of creations by kind, name and stack; those beyond 2,000 groups are counted together, without a place. */
export class OriginTable {
  readonly #groups = new Map<string, OriginGroup>();
  readonly #census: () => ListenerCensus;

  constructor(census: () => ListenerCensus) {
    this.#census = census;
  }

  get groups(): Iterable<OriginGroup> {
    return this.#groups.values();
  }

  /** `detail` ends up in the label as long as all creations of the group agree on it. */
  add(kind: OriginKind, name: string, detail: string, stack: Stack, creation: Creation): void {
    this.#group(kind, name, detail, stack).add(creation, detail, this.#census);
  }

  /** Places with the most live creations first. */
  origins(): Origin[] {
    const census = this.#census();
    return Array.from(this.#groups.values(), (group) => group.origin(census)).sort(
      (a, b) => b.live - a.live || b.count - a.count,
    );
  }

  clear(): void {
    this.#groups.clear();
  }

  #group(kind: OriginKind, name: string, detail: string, stack: Stack): OriginGroup {
    const key = `${kind}|${name}|${stack.key}`;
    const known = this.#groups.get(key);
    if (known) return known;
    const isFull = this.#groups.size >= GROUP_LIMIT;
    const rest = `${kind}|`;
    const group =
      (isFull ? this.#groups.get(rest) : undefined) ??
      new OriginGroup(
        kind,
        isFull ? `${kind} (places beyond ${GROUP_LIMIT})` : name,
        detail,
        isFull ? [] : stack.frames,
      );
    this.#groups.set(isFull ? rest : key, group);
    return group;
  }
}
