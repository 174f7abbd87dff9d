/** Somebody who waits for an answer, with what they brought. Settled once: answered, refused, or cancelled by a signal. */
export class Waiter<Item, Answer> {
  readonly item: Item;
  readonly promise: Promise<Answer>;
  readonly signal: AbortSignal | undefined;
  next: Waiter<Item, Answer> | null = null;
  previous: Waiter<Item, Answer> | null = null;
  #resolve!: (answer: Answer) => void;
  #reject!: (reason: unknown) => void;

  constructor(item: Item, signal: AbortSignal | undefined) {
    this.item = item;
    this.signal = signal;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  answer(answer: Answer): void {
    this.#resolve(answer);
  }

  refuse(reason: unknown): void {
    this.#reject(reason);
  }
}

/**
 * Those who wait, first come first served: a doubly linked list, so that whoever gives up leaves in O(1).
 *
 * A signal gets one listener however many wait with it (adding to an EventTarget walks all its listeners), and loses it
 * with the last of them.
 */
export class WaitingLine<Item, Answer> {
  #first: Waiter<Item, Answer> | null = null;
  #last: Waiter<Item, Answer> | null = null;
  #size = 0;
  readonly #bySignal = new Map<AbortSignal, Set<Waiter<Item, Answer>>>();
  readonly #onCancelled: () => void;

  /** @param onCancelled called after a signal has taken some out of the line: the next one may be luckier. */
  constructor(onCancelled: () => void = () => {}) {
    this.#onCancelled = onCancelled;
  }

  get size(): number {
    return this.#size;
  }

  get first(): Waiter<Item, Answer> | null {
    return this.#first;
  }

  /** Joins the line; the promise rejects with the signal's reason when that aborts first. */
  wait(item: Item, signal: AbortSignal | undefined): Promise<Answer> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const waiter = new Waiter<Item, Answer>(item, signal);
    waiter.previous = this.#last;
    if (this.#last) this.#last.next = waiter;
    else this.#first = waiter;
    this.#last = waiter;
    this.#size++;
    if (signal) this.#listen(signal, waiter);
    return waiter.promise;
  }

  /** Takes the first out, who is to be answered now; null when nobody waits. */
  shift(): Waiter<Item, Answer> | null {
    const waiter = this.#first;
    if (waiter) this.#leave(waiter);
    return waiter;
  }

  /** Refuses everybody. */
  refuseAll(reason: () => unknown): void {
    for (let waiter = this.shift(); waiter; waiter = this.shift()) waiter.refuse(reason());
  }

  #leave(waiter: Waiter<Item, Answer>): void {
    const { next, previous, signal } = waiter;
    if (previous) previous.next = next;
    else this.#first = next;
    if (next) next.previous = previous;
    else this.#last = previous;
    waiter.next = null;
    waiter.previous = null;
    this.#size--;
    if (signal) this.#unlisten(signal, waiter);
  }

  #listen(signal: AbortSignal, waiter: Waiter<Item, Answer>): void {
    const known = this.#bySignal.get(signal);
    if (known) {
      known.add(waiter);
      return;
    }
    this.#bySignal.set(signal, new Set([waiter]));
    signal.addEventListener('abort', this.#onAbort);
  }

  #unlisten(signal: AbortSignal, waiter: Waiter<Item, Answer>): void {
    const waiters = this.#bySignal.get(signal)!;
    waiters.delete(waiter);
    if (waiters.size > 0) return;
    this.#bySignal.delete(signal);
    signal.removeEventListener('abort', this.#onAbort);
  }

  readonly #onAbort = ({ target }: Event): void => {
    const signal = target as AbortSignal;
    for (const waiter of [...(this.#bySignal.get(signal) ?? [])]) {
      this.#leave(waiter);
      waiter.refuse(signal.reason);
    }
    this.#onCancelled();
  };
}
