import { AsyncLocalStorage } from 'node:async_hooks';

interface Link<Token> {
  readonly token: Token;
  readonly outer: Link<Token> | undefined;
  isRunning: boolean;
}

/**
 * Tells a call made from inside a running one, also after awaits, from a call made beside it. Follows promises with an
 * `AsyncLocalStorage` that is on only while something runs in it: elsewhere awaits cost what they always cost.
 */
export class CallChain<Token> {
  readonly #storage = new AsyncLocalStorage<Link<Token> | undefined>();
  #running = 0;

  /** Calls `body`; until what it returns has settled, calls that it makes are inside `token`. Throws what `body` throws. */
  async run<T>(token: Token, body: () => T): Promise<Awaited<T>> {
    const link: Link<Token> = {
      token,
      outer: this.#running > 0 ? this.#storage.getStore() : undefined,
      isRunning: true,
    };
    this.#running++;
    try {
      return await this.#storage.run(link, body);
    } finally {
      link.isRunning = false;
      this.#running--;
      if (this.#running === 0) this.#storage.disable();
    }
  }

  /** Is this code called, however indirectly, by a running call; by that of `token`, if one is given? */
  isInside(token?: Token): boolean {
    if (this.#running === 0) return false;
    for (let link = this.#storage.getStore(); link; link = link.outer) {
      // What a call left behind unawaited goes on after it: that is not inside any more.
      if (link.isRunning && (token === undefined || link.token === token)) return true;
    }
    return false;
  }
}
