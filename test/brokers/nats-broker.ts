import type { Child } from '../../src/children/index.js';
import { answerOf } from './answer.js';
import { Broker } from './broker.js';
import { freePort } from './free-port.js';
import { programPath } from './programs.mjs';

/** NATS with JetStream, whose streams are files in its folder. */
export class NatsBroker extends Broker {
  readonly kind = 'nats';
  readonly url: string;

  private constructor(port: number) {
    super('nats', port);
    this.url = `nats://127.0.0.1:${port}`;
  }

  static async start(): Promise<NatsBroker> {
    return new NatsBroker(await freePort()).begin();
  }

  protected launch(): Child {
    const args = ['-a', '127.0.0.1', '-p', String(this.port), '-js', '-sd', this.folder];
    return this.children.start(programPath('nats-server'), args, { cwd: this.folder });
  }

  /** It greets whoever connects, and listens only when JetStream has read its files. */
  protected async isReady(): Promise<boolean> {
    return (await answerOf(this.port, ''))?.startsWith('INFO {') ?? false;
  }
}
