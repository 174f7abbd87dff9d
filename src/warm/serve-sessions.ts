import { checkCallback, describeThrown, WatertightError } from '../core/index.js';
import { native } from '../native/index.js';
import { type Begin, MemberSession } from './member-session.js';
import { type OwnerPort, ownerPort } from './owner-port.js';
import type { OpenOrder, Order, SessionEnd } from './warm-protocol.js';

/** For the end of a session whose pool is gone: nobody waits for it, and nobody would end this process. */
const ORPHAN_MS = 2_000;

let isServing = false;

/**
 * Makes this script a member of a `WarmPool`: `begin` runs once for each session, and the session stays open after it has
 * returned, until the owner closes it. What the session acquires belongs into `session.scope`; what it leaves open besides
 * is found, and the member is then replaced instead of being used again.
 *
 * Called once, as the last thing that the script does when it is loaded: the member is warm from then on.
 *
 * @param begin gets the session; what it returns is the member's entry in `session.results` (structured clone)
 * @throws TypeError; WatertightError WT_WARM_NO_POOL, WT_WARM_SERVING
 * Cost: a session costs 10 µs beside what it does, and 30 µs a segment.
 *
 * @example
 * serveSessions((session) => {
 *   const socket = session.scope.use(createSocket('udp4'));
 *   session.on('message', (value) => session.send(value));
 * });
 */
export function serveSessions(begin: Begin): void {
  const where = 'serveSessions(begin)';
  if (begin === undefined) throw new TypeError(`${where}: begin must be a function, not undefined`);
  checkCallback(where, 'begin', begin);
  if (isServing) {
    throw new WatertightError('WT_WARM_SERVING', 'Cannot serve sessions as this script does so already', {
      hint: 'call serveSessions once',
    });
  }
  const member = new Member(begin, ownerPort());
  isServing = true;
  // Loaded now (3 ms), not in the first session.
  native();
  member.start();
}

/** The member's side: one session at a time. */
class Member {
  readonly #begin: Begin;
  readonly #port: OwnerPort;
  #session: MemberSession | null = null;

  constructor(begin: Begin, port: OwnerPort) {
    this.#begin = begin;
    this.#port = port;
  }

  start(): void {
    this.#port.listen(
      (order) => this.#onOrder(order),
      () => void this.#onOrphaned(),
    );
    this.#port.send({ answer: 'ready' });
  }

  #onOrder(order: Order): void {
    if (order.order === 'open') void this.#open(order);
    else if (order.order === 'leave') this.#port.leave();
    else if (order.order === 'close') void this.#close(order.session, order.timeoutMs);
    else if (this.#session?.number === order.session && this.#session.isOpen) {
      this.#session.emit('message', order.value);
    }
  }

  async #open(order: OpenOrder): Promise<void> {
    const { session: number } = order;
    try {
      const session = new MemberSession(order, (value, transfer) => {
        this.#port.send({ answer: 'message', session: number, value }, transfer);
      });
      this.#session = session;
      const value = await session.begin(this.#begin);
      if (session.isOpen) this.#port.send({ answer: 'opened', session: number, value });
    } catch (error) {
      if (this.#session?.isOpen === false) return;
      this.#port.send({ answer: 'failed', session: number, thrown: describeThrown(error) });
    }
  }

  async #close(number: number, timeoutMs: number): Promise<void> {
    const end = await this.#end(timeoutMs);
    this.#port.send({ answer: 'closed', session: number, end });
  }

  async #end(timeoutMs: number): Promise<SessionEnd> {
    const session = this.#session;
    // Its segments could not be opened: there never was one.
    if (session === null) return { released: 0, failures: [], stuck: [], left: {} };
    const end = await session.end(timeoutMs);
    this.#session = null;
    return end;
  }

  async #onOrphaned(): Promise<void> {
    await this.#end(ORPHAN_MS);
    this.#port.leave();
  }
}
