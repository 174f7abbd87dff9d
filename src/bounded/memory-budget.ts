import { wholeNumber } from './whole-number.js';

/** A cache as its budget sees it. */
export interface BudgetMember {
  readonly size: number;
  readonly bytes: number;
  /** Lets go of what was used longest ago. */
  evict(): void;
}

/**
 * One limit in bytes for several caches. When they exceed it together, the cache that is furthest over its fair share
 * (the limit divided by the caches) lets go of what it used longest ago, until they fit: a busy cache takes what a quiet
 * one leaves, and cannot starve it. What was stored a moment ago is spared.
 *
 * A cache counts from its making to its close. Values that are being disposed of do not count.
 * Cost: O(caches) for each value that is stored or evicted.
 *
 * @example
 * const budget = new MemoryBudget(64 * 2 ** 20);
 * const pages = new Cache<string, Uint8Array>({ budget, sizeOf: (page) => page.byteLength });
 * pages.set('/', new Uint8Array(1024));
 * console.log(budget.usedBytes, pages.size); // 1024 1
 */
export class MemoryBudget {
  readonly limitBytes: number;
  readonly #members = new Set<BudgetMember>();

  /**
   * @param limitBytes from 1
   * @throws TypeError, RangeError
   */
  constructor(limitBytes: number) {
    this.limitBytes = wholeNumber('limitBytes', limitBytes);
  }

  /** Bytes of all its caches, never more than `limitBytes`. */
  get usedBytes(): number {
    let bytes = 0;
    for (const member of this.#members) bytes += member.bytes;
    return bytes;
  }

  /** Caches that share it. */
  get caches(): number {
    return this.#members.size;
  }

  /**
   * Evicts, as when the limit were `bytes`, from 0: for when the process runs short of memory.
   * @throws TypeError, RangeError
   */
  evictTo(bytes: number): void {
    this.#evict(wholeNumber('bytes', bytes, { least: 0 }), null);
  }

  /** @internal */
  join(member: BudgetMember): void {
    this.#members.add(member);
  }

  /** @internal */
  leave(member: BudgetMember): void {
    this.#members.delete(member);
  }

  /** @internal `member` has just stored a value. */
  fit(member: BudgetMember): void {
    this.#evict(this.limitBytes, member);
  }

  #evict(limitBytes: number, storing: BudgetMember | null): void {
    while (this.usedBytes > limitBytes) {
      const member = this.#furthestOver(storing);
      if (member === null) return;
      member.evict();
    }
  }

  /** Fair shares are equal, so that whoever uses most is furthest over. */
  #furthestOver(storing: BudgetMember | null): BudgetMember | null {
    let furthest: BudgetMember | null = null;
    for (const member of this.#members) {
      if (member.size <= (member === storing ? 1 : 0)) continue;
      if (furthest === null || member.bytes > furthest.bytes) furthest = member;
    }
    return furthest;
  }
}
