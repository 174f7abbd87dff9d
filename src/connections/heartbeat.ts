/** Parts of one period: pings are spread over them, and one timer serves them all. */
const SLOTS = 16;

/** One that is pinged. */
export interface Pulse {
  /** Set when something was heard of it; cleared by each ping. */
  isHeard: boolean;
  ping(): void;
  /** It was pinged, and nothing was heard of it in time. */
  onSilence(): void;
}

/**
 * Pings any number of members once a period and tells of those who stay silent, all by one timer, which is there only
 * while there are members.
 *
 * A wheel of 16 slots: at each tick the members of one slot are pinged, and those of the slot that was pinged a timeout ago
 * are looked at. Silence is thus noticed after the timeout and at most a sixteenth of a period more.
 */
export class Heartbeat {
  readonly #slotMs: number;
  readonly #slotsToAnswer: number;
  readonly #slots: Set<Pulse>[] = Array.from({ length: SLOTS }, () => new Set());
  readonly #slotOf = new Map<Pulse, number>();
  #cursor = 0;
  #tickedAt = 0;
  #timer: NodeJS.Timeout | null = null;

  /** @param timeoutMs at most `periodMs`: nobody is pinged again before the last ping was judged */
  constructor(periodMs: number, timeoutMs: number) {
    this.#slotMs = periodMs / SLOTS;
    this.#slotsToAnswer = Math.max(1, Math.ceil(timeoutMs / this.#slotMs));
  }

  get size(): number {
    return this.#slotOf.size;
  }

  get timers(): number {
    return this.#timer === null ? 0 : 1;
  }

  /** Its first ping comes after one period. Cost: O(1), as for `remove`. */
  add(member: Pulse): void {
    member.isHeard = true;
    this.#slots[this.#cursor]!.add(member);
    this.#slotOf.set(member, this.#cursor);
    if (this.#timer !== null) return;
    this.#tickedAt = performance.now();
    this.#timer = setInterval(() => this.tick(performance.now()), this.#slotMs).unref();
  }

  remove(member: Pulse): void {
    const slot = this.#slotOf.get(member);
    if (slot === undefined) return;
    this.#slotOf.delete(member);
    this.#slots[slot]!.delete(member);
    if (this.#slotOf.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }

  /**
   * One step of the wheel. When the step comes late, it was this process that stood still: answers may lie unread in the
   * kernel, so nobody is judged until the next round.
   */
  tick(now: number): void {
    const isLate = now - this.#tickedAt > 2 * this.#slotMs;
    this.#tickedAt = now;
    this.#cursor = (this.#cursor + 1) % SLOTS;
    const judged = this.#slots[(this.#cursor - this.#slotsToAnswer + SLOTS) % SLOTS]!;
    if (!isLate) for (const member of judged) if (!member.isHeard) member.onSilence();
    for (const member of this.#slots[this.#cursor]!) {
      member.isHeard = false;
      member.ping();
    }
  }
}
