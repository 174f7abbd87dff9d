import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Child } from '../../src/children/index.js';
import { Broker } from './broker.js';
import { programPath } from './programs.mjs';

const MOCK = fileURLToPath(new URL('./kafka-mock.mjs', import.meta.url));

export interface KafkaOptions {
  /** In the cluster, from 1; 1 if not given. */
  readonly brokers?: number;
}

interface Reply {
  readonly id: number;
  readonly bootstrap?: string;
  readonly error?: string;
}

/**
 * Kafka's protocol over TCP by the mock cluster of librdkafka, as Debian has no Kafka. What differs from the real one:
 *
 * - Data is in memory, 5 MB a partition: older records are dropped without a word. `kill9()` takes all of it, and the ports;
 *   the outage to test with is `down()` and `up()`, or `outage(ms)`, which keep both.
 * - Topics appear when they are first asked for, with 4 partitions; clients cannot create them.
 * - No transactions, and duplicates of an idempotent producer may pass.
 */
export class KafkaBroker extends Broker {
  readonly kind = 'kafka';
  readonly #brokers: number;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #bootstrap = '';
  #lastId = 0;

  private constructor(brokers: number) {
    super('kafka', 0);
    this.#brokers = brokers;
  }

  static async start({ brokers = 1 }: KafkaOptions = {}): Promise<KafkaBroker> {
    return new KafkaBroker(brokers).begin();
  }

  /** `127.0.0.1:port`, one for each broker, with commas. */
  get bootstrap(): string {
    return this.#bootstrap;
  }

  override get url(): string {
    return this.#bootstrap;
  }

  /** Of the first broker. */
  override get port(): number {
    return Number(/:(\d+)/.exec(this.#bootstrap)?.[1] ?? 0);
  }

  /** Cuts all connections and accepts none, on all brokers; data and ports stay. */
  down(): Promise<void> {
    return this.#command('down');
  }

  up(): Promise<void> {
    return this.#command('up');
  }

  async outage(ms: number): Promise<void> {
    await this.down();
    await sleep(ms);
    await this.up();
  }

  createTopic(name: string, partitions: number): Promise<void> {
    return this.#command('createTopic', name, partitions);
  }

  /** Each answer comes so much later. */
  setRtt(ms: number): Promise<void> {
    return this.#command('setRtt', ms);
  }

  /** The next requests of this kind (Produce is 0, Fetch 1, Metadata 3) are answered with these error codes, one each. */
  pushErrors(api: number, ...codes: number[]): Promise<void> {
    return this.#command('pushErrors', api, ...codes);
  }

  /** Down and up again. @throws after kill9(), which has left nothing to come back to */
  override async restart(): Promise<void> {
    void this.running;
    this.resume();
    await this.outage(0);
  }

  protected async launch(): Promise<Child> {
    const child = this.children.fork(MOCK, {
      args: [programPath('librdkafka'), String(this.#brokers)],
      execArgv: [],
      cwd: this.folder,
      ask: 'disconnect',
    });
    child.process.on('message', (reply: Reply) => this.#settle(reply));
    child.process.once('exit', () => this.#settleAll('its process has ended'));
    await Promise.race([once(child.process, 'message'), child.ended]);
    return child;
  }

  protected async isReady(): Promise<boolean> {
    return this.#bootstrap !== '';
  }

  async #command(name: string, ...args: unknown[]): Promise<void> {
    const { process: mock } = this.running;
    await new Promise<void>((resolve, reject) => {
      const id = ++this.#lastId;
      this.#waiting.set(id, ({ error }) => {
        if (error === undefined) resolve();
        else reject(new Error(`The Kafka mock cannot do ${name}(${args.join(', ')}): ${error}`));
      });
      mock.send({ id, name, args });
    });
  }

  #settle(reply: Reply): void {
    if (reply.bootstrap !== undefined) this.#bootstrap = reply.bootstrap;
    this.#waiting.get(reply.id)?.(reply);
    this.#waiting.delete(reply.id);
  }

  #settleAll(error: string): void {
    for (const id of [...this.#waiting.keys()]) this.#settle({ id, error });
  }
}
