import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { connect } from 'amqplib';
import type { Child } from '../../src/children/index.js';
import { answerOf } from './answer.js';
import { Broker } from './broker.js';
import { freePort } from './free-port.js';
import { programPath } from './programs.mjs';

/** What a client of AMQP 0-9-1 begins with, and the head of the frame that a broker answers with: connection.start. */
const PROTOCOL_HEADER = 'AMQP\x00\x00\x09\x01';
const CONNECTION_START = /^\x01\x00\x00.{4}\x00\x0a\x00\x0a/s;
const HANDSHAKE_MS = 5_000;
/** Asks epmd for the names that it knows. */
const EPMD_NAMES = '\x00\x01n';
/** A clean end takes 1 s alone. */
const GRACE_MS = 20_000;

/**
 * RabbitMQ with an Erlang name server (epmd) of its own. It starts in some 5 s: one for a test file, better for several.
 * Its url is that of the user `guest` on the virtual host `/`.
 */
export class RabbitBroker extends Broker {
  readonly kind = 'rabbitmq';
  readonly url: string;
  readonly #epmdPort: number;
  readonly #env: NodeJS.ProcessEnv;
  #epmd: Child | undefined;

  private constructor(port: number, epmdPort: number, distributionPort: number) {
    super('rabbitmq', port);
    this.url = `amqp://guest:guest@127.0.0.1:${port}`;
    this.#epmdPort = epmdPort;
    this.#env = this.#environment(distributionPort);
    this.#writeSettings();
  }

  static async start(): Promise<RabbitBroker> {
    const [port, epmdPort, distributionPort] = [await freePort(), await freePort(), await freePort()];
    return new RabbitBroker(port, epmdPort, distributionPort).begin();
  }

  /** Of the Erlang machine, as it wrote it: the command that was started is a shell which waits for it. */
  override get pid(): number {
    void this.running;
    return Number(readFileSync(this.#file('pid'), 'latin1'));
  }

  /** Runs rabbitmqctl on this broker. @returns what it printed @throws when it fails, with what it said */
  async ctl(...args: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(programPath('rabbitmqctl'), ['--quiet', ...args], { env: this.#env });
    return stdout;
  }

  protected async launch(): Promise<Child> {
    await this.#startEpmd();
    rmSync(this.#file('pid'), { force: true });
    return this.children.start(programPath('rabbitmq-server'), [], {
      env: this.#env,
      cwd: this.folder,
      graceMs: GRACE_MS,
    });
  }

  /** It greets before it lets a user in: the whole handshake counts. */
  protected async isReady(): Promise<boolean> {
    if (!CONNECTION_START.test((await answerOf(this.port, PROTOCOL_HEADER)) ?? '')) return false;
    return connect(this.url, { timeout: HANDSHAKE_MS }).then(
      (connection) => connection.close().then(() => true),
      () => false,
    );
  }

  /** Before the broker: one that finds no epmd starts its own, a daemon that outlives it. */
  async #startEpmd(): Promise<void> {
    if (this.#epmd?.state === 'running') return;
    const args = ['-port', String(this.#epmdPort), '-address', '127.0.0.1'];
    this.#epmd = this.children.start(programPath('epmd'), args, { cwd: this.folder });
    while ((await answerOf(this.#epmdPort, EPMD_NAMES)) === undefined)
      if (this.#epmd.state !== 'running') throw new Error(`epmd ended: ${(await this.#epmd.ended).stderr.text}`);
  }

  #file(name: string): string {
    return join(this.folder, name);
  }

  #writeSettings(): void {
    mkdirSync(this.#file('home'));
    writeFileSync(this.#file('inetrc'), '{lookup,["file"]}.');
    writeFileSync(this.#file('enabled_plugins'), '[].\n');
    const settings = [
      `listeners.tcp.1 = 127.0.0.1:${this.port}`,
      'log.console = true',
      'log.file = false',
      'disk_free_limit.absolute = 50MB',
    ];
    writeFileSync(this.#file('rabbitmq.conf'), `${settings.join('\n')}\n`);
  }

  /** Everything that it would look for elsewhere on the machine: names, cookie, settings, data, logs. */
  #environment(distributionPort: number): NodeJS.ProcessEnv {
    return {
      ...process.env,
      HOME: this.#file('home'),
      ERL_EPMD_PORT: String(this.#epmdPort),
      ERL_EPMD_ADDRESS: '127.0.0.1',
      ERL_INETRC: this.#file('inetrc'),
      RABBITMQ_NODENAME: `watertight${this.port}@localhost`,
      RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
      RABBITMQ_NODE_PORT: String(this.port),
      RABBITMQ_DIST_PORT: String(distributionPort),
      RABBITMQ_MNESIA_BASE: this.#file('mnesia'),
      RABBITMQ_LOG_BASE: this.#file('log'),
      RABBITMQ_LOGS: '-',
      RABBITMQ_PID_FILE: this.#file('pid'),
      RABBITMQ_ENABLED_PLUGINS_FILE: this.#file('enabled_plugins'),
      RABBITMQ_CONFIG_FILE: this.#file('rabbitmq.conf'),
      RABBITMQ_CONF_ENV_FILE: '/dev/null',
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
    };
  }
}
