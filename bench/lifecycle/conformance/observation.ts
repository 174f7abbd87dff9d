// What a child process saw of one peer in one case: the log that it writes, and the reading of it by the parent.
import { writeSync } from 'node:fs';
import { inspect } from 'node:util';

/** One line of a log. `what` is the happening, everything else its details. */
export interface Happening {
  readonly ms: number;
  readonly what: string;
  readonly name?: string;
  readonly detail?: unknown;
}

/** Where an observed process writes what it sees: one line at once, so that a sudden end loses nothing. */
export class Log {
  readonly #descriptor: number;
  readonly #startedAt = performance.now();

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  note(what: string, name?: string, detail?: unknown): void {
    const happening: Happening = { ms: Math.round(performance.now() - this.#startedAt), what, name, detail };
    writeSync(this.#descriptor, `${JSON.stringify(happening)}\n`);
  }
}

/** The log of one process, to be judged. */
export class Seen {
  readonly happenings: readonly Happening[];

  constructor(happenings: readonly Happening[]) {
    this.happenings = happenings;
  }

  first(what: string, name?: string): Happening | undefined {
    return this.happenings.find((one) => one.what === what && (name === undefined || one.name === name));
  }

  has(what: string, name?: string): boolean {
    return this.first(what, name) !== undefined;
  }

  count(what: string, name?: string): number {
    return this.happenings.filter((one) => one.what === what && (name === undefined || one.name === name)).length;
  }

  /** Names of all happenings of a kind, in order. */
  names(what: string): string[] {
    return this.happenings.filter((one) => one.what === what).map((one) => one.name ?? '');
  }

  /** How the process ended when it was not the observer who ended it: in words, or nothing. */
  get ending(): string | undefined {
    const exit = this.first('exit')?.detail as { code: number | null; signal: string | null } | undefined;
    if (exit === undefined || this.has('observed')) return undefined;
    return exit.signal === null ? `the process exited ${exit.code}` : `the process was ended by ${exit.signal}`;
  }
}

export interface Judgement {
  readonly passed: boolean;
  /** What was observed, in words; no judgement in them. */
  readonly words: string;
}

/** One conformance test: how a peer of its kind is used, and what has to be seen then. */
export interface Case<Kind> {
  readonly name: string;
  /** The promise, one sentence. */
  readonly promise: string;
  /** Runs once in a process of its own for each; most cases have one. */
  readonly variants?: readonly string[];
  run(kind: Kind, log: Log, variant: string): Promise<void>;
  judge(seen: Seen, ...furtherVariants: Seen[]): Judgement;
}

/** A peer used in one of the ways that its documents offer; the first is how one would begin. */
export interface Way<Kind> {
  readonly how?: string;
  /** The only cases that it is tried for: where it could change the outcome. */
  readonly for?: readonly string[];
  /** Cases that make no sense for it, each with the reason. */
  readonly without?: Readonly<Record<string, string>>;
  readonly kind: Kind;
}

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Never settles. */
export const never = () => new Promise<never>(() => {});

/**
 * Notes under `what` how a promise settles, or that it is pending after `windowMs`; never rejects.
 * The messages of every error that can be reached from the outcome are noted as its details.
 */
export async function noteOutcome(log: Log, what: string, action: () => unknown, windowMs: number): Promise<void> {
  let promise: unknown;
  try {
    promise = action();
  } catch (error) {
    log.note(`${what}: threw`, undefined, words(error));
    return;
  }
  await new Promise<void>((resolve) => {
    const window = setTimeout(() => end('pending'), windowMs);
    const end = (how: string, detail?: unknown) => {
      clearTimeout(window);
      log.note(`${what}: ${how}`, undefined, detail);
      resolve();
    };
    Promise.resolve(promise).then(
      (value) => end('fulfilled', words(value)),
      (error) => end('rejected', words(error)),
    );
  });
}

/** How an action noted by `noteOutcome` went. */
export function outcome(seen: Seen, what: string): 'fulfilled' | 'rejected' | 'threw' | 'pending' | 'none' {
  for (const way of ['fulfilled', 'rejected', 'threw', 'pending'] as const) {
    if (seen.has(`${what}: ${way}`)) return way;
  }
  return 'none';
}

/** What a caller can read from an outcome: the messages of all errors in it, at any depth, and its own text. */
function words(value: unknown): { messages: string[]; text: string } {
  const messages: string[] = [];
  const met = new Set<unknown>();
  const waiting: unknown[] = [value];
  for (let next = waiting.shift(); waiting.length > 0 || next !== undefined; next = waiting.shift()) {
    if (typeof next !== 'object' || next === null || met.has(next) || met.size > 1000) continue;
    met.add(next);
    if (next instanceof Error) messages.push(next.message);
    for (const key of Reflect.ownKeys(next)) {
      const property = Object.getOwnPropertyDescriptor(next, key);
      if (property && 'value' in property) waiting.push(property.value);
    }
  }
  return { messages, text: inspect(value, { depth: 4, breakLength: Number.POSITIVE_INFINITY }) };
}

/** The text and messages that `noteOutcome` noted. */
export function said(seen: Seen, what: string): { messages: string[]; text: string } {
  const noted = seen.happenings.find((one) => one.what.startsWith(`${what}: `) && one.detail !== undefined);
  return (noted?.detail as { messages: string[]; text: string }) ?? { messages: [], text: '' };
}
