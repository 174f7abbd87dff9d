import type { Inbox } from './inbox.js';
import type { Link } from './link.js';

/** A user who has connections, or whose messages are being handled. */
export class User {
  readonly id: string;
  /** In the order of their coming. */
  readonly links = new Set<Link>();
  readonly inbox: Inbox;
  /** Whether some of the links are read no more until the inbox is shorter. */
  hasPaused = false;

  constructor(id: string, inbox: Inbox) {
    this.id = id;
    this.inbox = inbox;
  }

  get openLink(): Link | null {
    for (const link of this.links) if (link.isOpen) return link;
    return null;
  }
}

/** Users by id, each there only as long as there is something of them. */
export class Users {
  readonly #makeInbox: () => Inbox;
  readonly #users = new Map<string, User>();

  constructor(makeInbox: () => Inbox) {
    this.#makeInbox = makeInbox;
  }

  get size(): number {
    return this.#users.size;
  }

  find(userId: string): User | undefined {
    return this.#users.get(userId);
  }

  findOrAdd(userId: string): User {
    let user = this.#users.get(userId);
    if (user === undefined) {
      user = new User(userId, this.#makeInbox());
      this.#users.set(userId, user);
    }
    return user;
  }

  linksOf(userId: string): ReadonlySet<Link> {
    return this.#users.get(userId)?.links ?? NONE;
  }

  openLinkOf(userId: string): Link | null {
    return this.#users.get(userId)?.openLink ?? null;
  }

  forgetIfIdle(user: User): void {
    if (user.links.size === 0 && user.inbox.size === 0) this.#users.delete(user.id);
  }

  [Symbol.iterator](): IterableIterator<User> {
    return this.#users.values();
  }
}

const NONE: ReadonlySet<never> = new Set();
