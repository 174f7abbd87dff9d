import type { SendOutcome } from './connection.js';
import { Delivery, insertInOrder, type Payload } from './delivery.js';
import { DeliveryMinute } from './health.js';
import type { Link } from './link.js';
import { type DropReason, Recovery } from './recovery.js';
import type { Settings } from './settings.js';
import type { Totals } from './totals.js';

/**
 * What becomes of messages: each is delivered, kept or dropped, once, and counted so. `messages` of the totals is always
 * the sum of the delivered, the dropped, the kept, and those that connections hold.
 */
export class Mail {
  readonly recovery: Recovery;
  readonly minute = new DeliveryMinute();
  /** Messages in line at slow connections. */
  inLine = 0;
  readonly #totals: Totals;
  readonly #isReachable: (userId: string) => boolean;
  #sequence = 0;
  #isClosed = false;

  /** @param isReachable whether a user has an open connection */
  constructor(settings: Settings, totals: Totals, isReachable: (userId: string) => boolean) {
    this.#totals = totals;
    this.#isReachable = isReachable;
    this.recovery = new Recovery(settings, (reason) => {
      totals.dropped[reason]++;
    });
  }

  /** Offers a message to each of a user's connections. */
  deliver(userId: string, payload: Payload, links: Iterable<Link>, isReply: boolean): SendOutcome {
    this.#totals.messages++;
    const delivery = new Delivery(userId, payload, ++this.#sequence, isReply);
    // Held while it is offered round: a connection that breaks meanwhile must not settle its fate.
    delivery.pending = 1;
    let best: SendOutcome | null = null;
    for (const link of links) best = better(best, link.offer(delivery));
    delivery.pending--;
    if (best === 'sent' || best === 'waiting') return best;
    if (best === 'dropped') return this.#drop('slow');
    return this.#settle(delivery, 'no connection');
  }

  /** What a connection that comes takes over: what is kept for its user, and what its user's others still hold. */
  takeOver(userId: string, others: Iterable<Link>): Delivery[] {
    const taken = this.recovery.take(userId);
    const known = new Set(taken);
    for (const link of others) {
      for (const delivery of link.unsent()) {
        if (known.has(delivery) || delivery.isReply || !this.recovery.reserve(delivery.bytes)) continue;
        known.add(delivery);
        insertInOrder(taken, delivery);
      }
    }
    return taken;
  }

  /** A connection handed it to the kernel. */
  written(delivery: Delivery): void {
    delivery.pending--;
    if (delivery.isWritten) return;
    delivery.isWritten = true;
    this.#totals.delivered++;
    if (delivery.keptAtMs >= 0) this.#totals.replayed++;
    this.minute.delivered(performance.now());
  }

  /** A connection ended with it. */
  givenUp(delivery: Delivery, reason: string): void {
    delivery.pending--;
    if (delivery.pending > 0 || delivery.isWritten) return;
    this.minute.failed(performance.now());
    this.#settle(delivery, reason);
  }

  /** It was taken from the line of a slow connection, which is there and does not get it. */
  pushedOut(delivery: Delivery): void {
    this.missed();
    delivery.pending--;
    if (delivery.pending === 0 && !delivery.isWritten) this.#drop('overflow');
  }

  /** A slow connection did not take it. */
  missed(): void {
    this.#totals.missed++;
    this.minute.failed(performance.now());
  }

  /** Drops what is kept and says how much that was; nothing is kept from now on. */
  close(): number {
    this.#isClosed = true;
    const undelivered = this.recovery.messages;
    this.recovery.clear('closed');
    return undelivered;
  }

  /** Nobody holds it and nobody got it. */
  #settle(delivery: Delivery, reason: string): SendOutcome {
    if (this.#isClosed) return this.#drop('closed');
    // A connection that is there has newer messages already, and this would come after them.
    if (this.#isReachable(delivery.userId)) return this.#drop('unreachable');
    return this.recovery.keep(delivery, reason) ? 'kept' : 'dropped';
  }

  #drop(reason: DropReason): SendOutcome {
    this.#totals.dropped[reason]++;
    return 'dropped';
  }
}

const RANKS: readonly (SendOutcome | null)[] = ['sent', 'waiting', 'dropped', null];

function better(a: SendOutcome | null, b: SendOutcome | null): SendOutcome | null {
  return RANKS.indexOf(a) <= RANKS.indexOf(b) ? a : b;
}
