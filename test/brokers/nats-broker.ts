import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Child } from '../../src/children/index.js';
import { answerOf } from './answer.js';
import { Broker } from './broker.js';
import { freePort } from './free-port.js';
import { programPath } from './programs.mjs';

export interface NatsOptions {
  /** More lines of its configuration file. */
  readonly settings?: string;
  /** Default true. */
  readonly jetstream?: boolean;
}

/** NATS with JetStream, whose streams are files in its folder. */
export class NatsBroker extends Broker {
  readonly kind = 'nats';
  readonly url: string;

  readonly #options: NatsOptions;

  private constructor(port: number, options: NatsOptions) {
    super('nats', port);
    this.#options = options;
    this.url = `nats://127.0.0.1:${port}`;
  }

  static async start(options: NatsOptions = {}): Promise<NatsBroker> {
    return new NatsBroker(await freePort(), options).begin();
  }

  protected launch(): Child {
    const { settings, jetstream = true } = this.#options;
    const args = ['-a', '127.0.0.1', '-p', String(this.port)];
    if (jetstream) args.push('-js', '-sd', this.folder);
    if (settings !== undefined) {
      const file = join(this.folder, 'nats.conf');
      writeFileSync(file, settings);
      args.push('-c', file);
    }
    return this.children.start(programPath('nats-server'), args, { cwd: this.folder });
  }

  /** It greets whoever connects, and listens only when JetStream has read its files. */
  protected async isReady(): Promise<boolean> {
    return (await answerOf(this.port, ''))?.startsWith('INFO {') ?? false;
  }
}
