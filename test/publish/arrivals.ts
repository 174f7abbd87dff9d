import { expect } from 'vitest';
import type { Received } from '../brokers/index.js';

export interface Body {
  readonly id: string;
  readonly sequence: number;
  readonly timestamp: number;
  readonly runId: string;
}

export const bodyOf = (message: Received): Body => JSON.parse(message.body) as Body;

/** What came to a reader, in order of arrival: each event once, in order within its run, and how often one came again. */
export class Arrivals {
  readonly #seen = new Set<string>();
  readonly #next = new Map<string, number>();
  /** Arrivals of what was there already. */
  duplicates = 0;
  /** Of these, without the mark of what is sent again. */
  unmarked = 0;
  /** The first that was not what had to come next in its run. */
  fault: string | undefined;

  constructor(received: Iterable<Received> = []) {
    for (const message of received) this.take(message);
  }

  /** Different events. */
  get count(): number {
    return this.#seen.size;
  }

  take(message: Received): void {
    const { id, runId, sequence } = bodyOf(message);
    if (this.#seen.has(id)) {
      this.duplicates++;
      if (message.headers.redelivered !== '1') this.unmarked++;
      return;
    }
    this.#seen.add(id);
    const expected = this.#next.get(runId) ?? 0;
    if (sequence !== expected) this.fault ??= `${runId} has ${sequence} where ${expected} was next`;
    this.#next.set(runId, sequence + 1);
  }

  /** So many different ones, each in its turn: none is missing, as each run has its numbers without a gap. */
  expectAll(count: number): void {
    if (this.fault !== undefined) expect.fail(this.fault);
    expect(this.count).toBe(count);
  }
}
