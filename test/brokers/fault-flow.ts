import type { Socket } from 'node:net';

/** What the flows of a proxy ask before they move anything. */
export interface Faults {
  readonly isStalled: boolean;
  readonly delayMs: number;
  /** Whether what comes from the server is thrown away. */
  readonly swallowsReplies: boolean;
}

/** Waiting in one direction; above it the sender is held back. */
const WAITING_BYTES = 2 ** 20;

/** One direction of one connection: reads from one socket, writes to the other in order, as the faults allow. */
export class FaultFlow {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #faults: Faults;
  readonly #isReply: boolean;
  readonly #onMoved: (bytes: number, isSwallowed: boolean) => void;
  /** Oldest first; `null` is the end of what the sender sends. */
  readonly #waiting: { readonly chunk: Buffer | null; readonly dueMs: number }[] = [];
  #waitingBytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    ends: { readonly from: Socket; readonly to: Socket; readonly isReply: boolean },
    faults: Faults,
    onMoved: (bytes: number, isSwallowed: boolean) => void,
  ) {
    this.#from = ends.from;
    this.#to = ends.to;
    this.#isReply = ends.isReply;
    this.#faults = faults;
    this.#onMoved = onMoved;
    this.#from.on('data', (chunk: Buffer) => this.#take(chunk));
    this.#from.on('end', () => this.#take(null));
    this.#to.on('close', () => clearTimeout(this.#timer));
    this.#to.on('drain', () => this.refresh());
    this.refresh();
  }

  /** Moves what may move now; after a change of faults too. */
  refresh(): void {
    clearTimeout(this.#timer);
    while (!this.#isBlocked && this.#waiting.length > 0) {
      const { chunk, dueMs } = this.#waiting[0]!;
      const waitMs = dueMs - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.refresh(), waitMs);
        break;
      }
      this.#waiting.shift();
      this.#move(chunk);
    }
    if (this.#isBlocked || this.#waitingBytes > WAITING_BYTES) this.#from.pause();
    else this.#from.resume();
  }

  get #isBlocked(): boolean {
    return this.#faults.isStalled || this.#to.writableNeedDrain;
  }

  #take(chunk: Buffer | null): void {
    this.#waiting.push({ chunk, dueMs: performance.now() + this.#faults.delayMs });
    this.#waitingBytes += chunk?.length ?? 0;
    this.refresh();
  }

  #move(chunk: Buffer | null): void {
    if (chunk === null) {
      this.#to.end();
      return;
    }
    this.#waitingBytes -= chunk.length;
    const isSwallowed = this.#isReply && this.#faults.swallowsReplies;
    this.#onMoved(chunk.length, isSwallowed);
    if (!isSwallowed) this.#to.write(chunk);
  }
}
