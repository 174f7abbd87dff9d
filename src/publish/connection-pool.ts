import { checkOptionNames, kindOf, monotonicMs } from '../core/index.js';
import { connectTimeoutError, poolFullError } from './publish-errors.js';

/** How connections of one kind are made and ended. */
export interface Connector<Client> {
  /** Two connectors with one key share a connection: the URL and whatever else makes connections differ. */
  readonly key: string;
  /** For people: the URL without its password. */
  readonly target: string;
  /**
   * Rejects with `WT_PUBLISH_CONNECT_*` by `timeoutMs`, and has then released what it took. `onLost` is called when the
   * connection ends by itself later. Aborted when nobody wants it any more: it rejects at once then.
   */
  open(timeoutMs: number, onLost: (error: unknown) => void, signal: AbortSignal): Promise<Client>;
  /** Rejects when the connection is of no use. */
  check(client: Client): Promise<unknown>;
  /** An orderly end; may hang. */
  close(client: Client): Promise<unknown>;
  /** At once; nothing of it keeps the process alive. */
  destroy(client: Client): void;
}

export interface ConnectionPoolOptions {
  /** Most connections at once, one a URL. Default 10. */
  readonly maxConnections?: number;
  /** How often each is asked whether it lives, in ms; 0 for never. Default 30,000. */
  readonly healthCheckIntervalMs?: number;
}

/** One connection of a pool. */
export interface ConnectionUsage {
  readonly target: string;
  /** Publishers that share it. */
  readonly holders: number;
  readonly state: 'opening' | 'open';
  readonly ageMs: number;
  readonly checks: number;
}

/** What a holder has. */
export interface SharedConnection<Client> {
  readonly client: Client;
  /** Gives it back; the last holder's ends the connection in order. */
  release(): Promise<void>;
  /** It is of no use: ends it at once, for all who share it. After `release()`: only if that was the last, and hangs. */
  discard(): void;
}

interface Entry {
  readonly connector: Connector<unknown>;
  readonly openedAt: number;
  readonly holders: Set<(error: unknown) => void>;
  opening: Promise<unknown>;
  readonly abort: AbortController;
  client: unknown;
  isOpen: boolean;
  checks: number;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Connections by URL, each shared by all publishers to that URL, within a limit; looked after by health checks, which keep
 * no process alive. A connection lasts as long as it has holders.
 *
 * @example
 * const pool = new ConnectionPool({ maxConnections: 4 });
 * const orders = new RedisPublisher({ url, stream: 'orders', pool });
 * const audit = new RedisPublisher({ url, stream: 'audit', pool });
 * await Promise.all([orders.connect(), audit.connect()]); // one connection, made ahead
 * console.log(pool.usage()); // [{ target: 'redis://127.0.0.1:6379', holders: 2, … }]
 */
export class ConnectionPool {
  readonly maxConnections: number;
  readonly healthCheckIntervalMs: number;
  readonly #entries = new Map<string, Entry>();

  /** @throws TypeError, RangeError */
  constructor(options: ConnectionPoolOptions = {}) {
    const where = 'ConnectionPool';
    checkOptionNames(where, options, ['maxConnections', 'healthCheckIntervalMs']);
    const { maxConnections = 10, healthCheckIntervalMs = 30_000 } = options;
    if (!Number.isInteger(maxConnections) || maxConnections < 1) {
      throw new RangeError(`${where}: maxConnections must be a whole number from 1, not ${kindOf(maxConnections)}`);
    }
    if (!(healthCheckIntervalMs >= 0 && healthCheckIntervalMs < 2 ** 31)) {
      throw new RangeError(`${where}: healthCheckIntervalMs must be ms from 0, not ${kindOf(healthCheckIntervalMs)}`);
    }
    this.maxConnections = maxConnections;
    this.healthCheckIntervalMs = healthCheckIntervalMs;
  }

  usage(): ConnectionUsage[] {
    return [...this.#entries.values()].map(({ connector, holders, isOpen, openedAt, checks }) => ({
      target: connector.target,
      holders: holders.size,
      state: isOpen ? 'open' : 'opening',
      ageMs: monotonicMs() - openedAt,
      checks,
    }));
  }

  /**
   * A share of the connection to where the connector leads; opened if it is not there. With `signal` its opening is given up.
   * @throws what `open` throws; WatertightError WT_PUBLISH_POOL_FULL
   * @internal
   */
  async share<Client>(
    connector: Connector<Client>,
    timeoutMs: number,
    onLost: (error: unknown) => void,
    signal: AbortSignal,
  ): Promise<SharedConnection<Client>> {
    const entry = this.#entries.get(connector.key) ?? this.#open(connector as Connector<unknown>, timeoutMs);
    // A holder of its own, though the same function may be given twice.
    const holder = (error: unknown) => onLost(error);
    entry.holders.add(holder);
    const giveUp = () => {
      entry.holders.delete(holder);
      if (entry.holders.size > 0 || entry.isOpen) return;
      this.#remove(entry);
      entry.abort.abort();
    };
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      await entry.opening;
      signal.throwIfAborted();
    } catch (error) {
      entry.holders.delete(holder);
      if (entry.isOpen && entry.holders.size === 0) this.#end(entry);
      throw error;
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
    return {
      client: entry.client as Client,
      release: () => this.#release(entry, holder),
      discard: () => {
        if (entry.holders.delete(holder)) this.#lose(entry, new Error('the connection was given up'));
        else if (entry.holders.size === 0) this.#end(entry);
      },
    };
  }

  #open(connector: Connector<unknown>, timeoutMs: number): Entry {
    if (this.#entries.size >= this.maxConnections) throw poolFullError(connector.target, this.maxConnections);
    const openedAt = monotonicMs();
    const entry: Entry = {
      connector,
      openedAt,
      holders: new Set(),
      opening: Promise.resolve(),
      abort: new AbortController(),
      client: undefined,
      isOpen: false,
      checks: 0,
      timer: undefined,
    };
    this.#entries.set(connector.key, entry);
    entry.opening = connector
      .open(timeoutMs, (error) => this.#lose(entry, error), entry.abort.signal)
      .then(
        (client) => {
          entry.client = client;
          entry.isOpen = true;
          if (this.#entries.get(connector.key) !== entry || entry.holders.size === 0) this.#end(entry);
          else this.#watch(entry);
        },
        (error) => {
          this.#remove(entry);
          throw error;
        },
      );
    return entry;
  }

  #watch(entry: Entry): void {
    if (this.healthCheckIntervalMs === 0) return;
    const { connector } = entry;
    let isChecking = false;
    entry.timer = setInterval(() => {
      if (isChecking) return this.#lose(entry, connectTimeoutError(connector.target, this.healthCheckIntervalMs));
      isChecking = true;
      entry.checks++;
      connector.check(entry.client).then(
        () => {
          isChecking = false;
        },
        (error) => this.#lose(entry, error),
      );
    }, this.healthCheckIntervalMs).unref();
  }

  async #release(entry: Entry, holder: (error: unknown) => void): Promise<void> {
    if (!entry.holders.delete(holder) || entry.holders.size > 0) return;
    this.#remove(entry);
    try {
      await entry.connector.close(entry.client);
      entry.isOpen = false;
    } catch (error) {
      this.#end(entry);
      throw error;
    }
  }

  /** It ended by itself, or is of no use. */
  #lose(entry: Entry, error: unknown): void {
    this.#end(entry);
    const holders = [...entry.holders];
    entry.holders.clear();
    for (const onLost of holders) onLost(error);
  }

  #end(entry: Entry): void {
    this.#remove(entry);
    if (entry.isOpen) entry.connector.destroy(entry.client);
    entry.isOpen = false;
  }

  #remove(entry: Entry): void {
    clearInterval(entry.timer);
    if (this.#entries.get(entry.connector.key) === entry) this.#entries.delete(entry.connector.key);
  }
}

/** Shared by all publishers that are given none. */
export const sharedPool = new ConnectionPool();
