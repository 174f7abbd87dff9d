import { WatertightError } from '../core/index.js';
import type { Link } from './link.js';
import type { Settings } from './settings.js';
import type { Totals } from './totals.js';
import type { User, Users } from './users.js';

/** Messages of one user that wait for the handler before their sockets are read no more. */
const INBOX_PAUSE = 16;

export type Handler = (link: Link, message: string | Buffer) => unknown;

/** Takes in what clients send, and gives it to the program's handler in each user's order, no faster than that works. */
export class Desk {
  /** Messages received and not yet handled. */
  handling = 0;
  readonly #users: Users;
  readonly #settings: Settings;
  readonly #totals: Totals;
  readonly #handler: Handler | undefined;
  readonly #tell: (error: unknown, link: Link) => void;
  readonly #onHandled: () => void;
  #isStopped = false;

  constructor(
    users: Users,
    settings: Settings,
    totals: Totals,
    handler: Handler | undefined,
    tell: (error: unknown, link: Link) => void,
    onHandled: () => void,
  ) {
    this.#users = users;
    this.#settings = settings;
    this.#totals = totals;
    this.#handler = handler;
    this.#tell = tell;
    this.#onHandled = onHandled;
  }

  take(link: Link, data: Buffer, isBinary: boolean): void {
    this.#totals.received++;
    // It is being closed: whoever sent this will hear of no answer.
    if (link.state !== 'open') return;
    if (data.byteLength > this.#settings.maxMessageBytes) link.refuseSize();
    else if (this.#handler !== undefined) this.#queue(link, isBinary ? data : data.toString(), this.#handler);
  }

  /** Nothing more is read; what has come in is handled. */
  stop(): void {
    this.#isStopped = true;
    for (const { links } of this.#users) for (const link of links) link.pause();
  }

  /** What is not handled yet is not waited for. */
  abandon(): void {
    for (const { inbox } of [...this.#users]) inbox.abandon();
  }

  #queue(link: Link, message: string | Buffer, handler: Handler): void {
    const user = this.#users.findOrAdd(link.userId);
    this.handling++;
    user.inbox.push({
      get isWanted() {
        return !link.isFailed;
      },
      run: () => handler(link, message),
      onFailure: (error, isOverTime) => {
        this.#totals.handlerFailures++;
        link.fail();
        this.#tell(isOverTime ? this.#overTime() : error, link);
      },
      onDone: () => this.#done(user),
    });
    if (user.inbox.size < INBOX_PAUSE) return;
    user.hasPaused = true;
    link.pause();
  }

  #done(user: User): void {
    this.handling--;
    if (user.hasPaused && !this.#isStopped && user.inbox.size < INBOX_PAUSE / 2) {
      user.hasPaused = false;
      for (const link of user.links) link.resume();
    }
    this.#users.forgetIfIdle(user);
    this.#onHandled();
  }

  #overTime(): WatertightError {
    const { handlerTimeoutMs } = this.#settings;
    return new WatertightError(
      'WT_CONNECTIONS_HANDLER_TIMEOUT',
      `Cannot wait for the handler of a message any longer as it took more than ${handlerTimeoutMs} ms`,
      { hint: 'give long work to BackgroundTasks and answer when it is done', details: { handlerTimeoutMs } },
    );
  }
}
