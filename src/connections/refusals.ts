import { Deadline, type DeadlineClock } from '../core/index.js';
import { CLOSE_CODE, type ServerSocket } from './server-socket.js';

/** A socket that is told to come back later. */
class Refusal extends Deadline {
  readonly socket: ServerSocket;
  readonly #onGone: (refusal: Refusal) => void;

  constructor(socket: ServerSocket, onGone: (refusal: Refusal) => void) {
    super();
    this.socket = socket;
    this.#onGone = onGone;
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
  }

  onDeadline(): void {
    this.socket.terminate();
  }

  /** It ends by itself after an error; without a listener that would end the process. */
  readonly #onError = () => {};

  readonly #onClose = () => {
    this.socket.off('error', this.#onError);
    this.socket.off('close', this.#onClose);
    this.#onGone(this);
  };
}

/**
 * Sockets that are not taken: closed with 1013, and destroyed when the other side does not answer that. No more of them
 * are waited for than there may be connections.
 */
export class Refusals {
  readonly #clock: DeadlineClock;
  readonly #timeoutMs: number;
  readonly #limit: number;
  readonly #onGone: () => void;
  readonly #open = new Set<Refusal>();

  constructor(clock: DeadlineClock, timeoutMs: number, limit: number, onGone: () => void) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#limit = limit;
    this.#onGone = onGone;
  }

  get size(): number {
    return this.#open.size;
  }

  refuse(socket: ServerSocket, reason: string): void {
    const refusal = new Refusal(socket, (gone) => {
      this.#open.delete(gone);
      this.#clock.remove(gone);
      this.#onGone();
    });
    const isTooMany = this.#open.size >= this.#limit;
    this.#open.add(refusal);
    if (isTooMany) {
      socket.terminate();
      return;
    }
    const now = performance.now();
    refusal.deadlineAt = now + this.#timeoutMs;
    this.#clock.add(refusal, now);
    socket.close(CLOSE_CODE.tryAgainLater, reason);
  }

  terminateAll(): void {
    for (const { socket } of [...this.#open]) socket.terminate();
  }
}
