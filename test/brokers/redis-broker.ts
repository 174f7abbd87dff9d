import type { Child } from '../../src/children/index.js';
import { answerOf } from './answer.js';
import { Broker } from './broker.js';
import { freePort } from './free-port.js';
import { programPath } from './programs.mjs';

export interface RedisOptions {
  /** That clients have to give; none if not given. */
  readonly password?: string;
}

/** Redis with an append-only file that is synced every second: a SIGKILL loses nothing that was acknowledged. */
export class RedisBroker extends Broker {
  readonly kind = 'redis';
  readonly password: string | undefined;
  readonly url: string;

  private constructor(port: number, password: string | undefined) {
    super('redis', port);
    this.password = password;
    this.url = `redis://${password === undefined ? '' : `:${encodeURIComponent(password)}@`}127.0.0.1:${port}`;
  }

  static async start({ password }: RedisOptions = {}): Promise<RedisBroker> {
    return new RedisBroker(await freePort(), password).begin();
  }

  protected launch(): Child {
    const settings = {
      port: String(this.port),
      bind: '127.0.0.1',
      save: '',
      appendonly: 'yes',
      appendfsync: 'everysec',
      dir: this.folder,
      daemonize: 'no',
      ...(this.password !== undefined && { requirepass: this.password }),
    };
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
    return this.children.start(programPath('redis-server'), args, { cwd: this.folder });
  }

  /** While it reads its file it says -LOADING. */
  protected async isReady(): Promise<boolean> {
    return /^(\+PONG|-NOAUTH)/.test((await answerOf(this.port, 'PING\r\n')) ?? '');
  }
}
