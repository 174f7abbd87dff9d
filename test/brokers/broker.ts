import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, type ChildReport, Children } from '../../src/children/index.js';
import { procStat, procThreads } from '../../src/core/index.js';
import { type FolderLease, lease, reclaim } from '../../src/leases/index.js';

export type BrokerKind = 'redis' | 'nats' | 'rabbitmq' | 'kafka';

/** Between two looks at a server that starts. */
const LOOK_MS = 10;
/** RabbitMQ needs 5 s alone and 18 s on a machine with eight times the work that it has cores for. */
const READY_MS = 90_000;

/**
 * A real server as a process of ours on 127.0.0.1, with a folder of its own. It belongs to whoever started it, ends with
 * `stop()`, and with this process, however that ends.
 */
export abstract class Broker implements AsyncDisposable {
  abstract readonly kind: BrokerKind;
  /** As clients take it. */
  abstract readonly url: string;
  /** Its processes; the tools that read from it run here too, and end with it. */
  readonly children: Children;
  readonly #port: number;
  readonly #folder: FolderLease;
  #child: Child | undefined;
  #isPaused = false;
  #stopped: Promise<void> | undefined;

  protected constructor(name: string, port: number) {
    this.#port = port;
    this.#folder = lease.folder({ label: name });
    this.children = new Children({ name });
  }

  get port(): number {
    return this.#port;
  }

  /** Its data, settings and logs. */
  get folder(): string {
    return this.#folder.path;
  }

  /** Of the server itself. */
  get pid(): number {
    return this.running.pid;
  }

  /** @throws when it was killed or stopped */
  protected get running(): Child {
    if (this.#child === undefined) throw new Error(`${this.children.name} on port ${this.port} does not run`);
    return this.#child;
  }

  /** Starts the server on its port and folder. */
  protected abstract launch(): Child | Promise<Child>;
  /** Whether it serves clients now: one look. */
  protected abstract isReady(): Promise<boolean>;

  get isStopped(): boolean {
    return this.#stopped !== undefined;
  }

  /** SIGKILL to the server. What it had stored is still in its folder. */
  async kill9(): Promise<void> {
    const child = this.running;
    process.kill(this.pid, 'SIGKILL');
    this.#isPaused = false;
    await child.ended;
    this.#child = undefined;
  }

  /** Starts it again on the same port and data; ends it in order first when it runs. */
  async restart(): Promise<void> {
    if (this.isStopped) throw new Error(`Cannot restart ${this.children.name} as it was stopped`);
    if (this.#child !== undefined) {
      this.resume();
      await this.#child.end();
      this.#child = undefined;
    }
    await this.begin();
  }

  /**
   * SIGSTOP: connections stay open, the system still accepts new ones, and nothing answers. Returns when it has taken effect,
   * as the threads of a process stop one after the other.
   */
  async pause(): Promise<void> {
    const { pid } = this;
    process.kill(pid, 'SIGSTOP');
    this.#isPaused = true;
    while (!isStoppedProcess(pid)) await sleep(1);
  }

  resume(): void {
    if (!this.#isPaused) return;
    process.kill(this.pid, 'SIGCONT');
    this.#isPaused = false;
  }

  /** Ends it in order, with its tools, and removes its folder. Again: the same promise. */
  stop(): Promise<void> {
    this.#stopped ??= this.#end();
    return this.#stopped;
  }

  async #end(): Promise<void> {
    if (this.#child !== undefined) this.resume();
    await this.children.close();
    this.#child = undefined;
    this.#folder.release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Launches it, and returns when it serves; leaves nothing when it does not. */
  protected async begin(): Promise<this> {
    try {
      // Folders of test runs that were killed.
      await reclaim();
      const child = await this.launch();
      this.#child = child;
      await this.#ready(child);
      return this;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async #ready(child: Child): Promise<void> {
    const deadline = performance.now() + READY_MS;
    while (performance.now() < deadline) {
      if (child.state !== 'running') throw this.#notReady('it has ended', await child.ended);
      if (await this.isReady()) return;
      await sleep(LOOK_MS);
    }
    throw this.#notReady(`it does not answer after ${READY_MS} ms`, await child.end({ graceMs: 0 }));
  }

  #notReady(why: string, { code, signal, stdout, stderr }: ChildReport): Error {
    const said = `${stdout.text}${stderr.text}`.slice(-2_000);
    return new Error(
      `Cannot start ${this.children.name} on port ${this.port}: ${why} (${signal ?? code}); it said:\n${said}`,
    );
  }
}

/** True when there are no threads to look at: without /proc, or when it is gone. */
function isStoppedProcess(pid: number): boolean {
  return procThreads(pid).every(({ threadId }) => {
    const state = procStat(threadId)?.state;
    return state === undefined || state === 'T' || state === 'Z';
  });
}
