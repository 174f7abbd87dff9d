import { createServer, type Server, type Socket } from 'node:net';
import { Channel, WatertightError } from '../core/index.js';
import type { CommandName, Commands, FromAgent, Hello, Problem, Request } from '../monitor/index.js';

/** Thrown into every waiting caller when the observed process is gone. */
export class AgentGone extends WatertightError {
  constructor(title: string) {
    super('WT_SOAK_TARGET_GONE', `The observed process is gone: ${title}`, {
      hint: 'run it by hand to see why it ended',
    });
  }
}

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** One isolate of the observed program, as the runner sees it. Ends when its connection does. */
export class AgentLink {
  readonly hello: Hello['hello'];
  /** Iteration that the scenario host last said it is in. */
  at = -1;
  problem: Problem | null = null;
  readonly #channel: Channel<FromAgent, Request>;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #gone = false;

  constructor(channel: Channel<FromAgent, Request>, hello: Hello['hello']) {
    this.#channel = channel;
    this.hello = hello;
  }

  get isGone(): boolean {
    return this.#gone;
  }

  get isMainThread(): boolean {
    return this.hello.threadId === 0;
  }

  /** Identity of the isolate over the run. */
  get key(): string {
    return `${this.hello.pid}/${this.hello.threadId}`;
  }

  /**
   * Gives a command and waits for its answer.
   * @throws AgentGone when the process ends first; WatertightError WT_SOAK_NO_ANSWER after `timeoutMs`
   */
  ask<Name extends CommandName>(
    command: Name,
    args: Commands[Name]['args'],
    timeoutMs: number,
  ): Promise<Commands[Name]['answer']> {
    if (this.#gone) return Promise.reject(new AgentGone(this.hello.title));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(
          new WatertightError(
            'WT_SOAK_NO_ANSWER',
            `No answer to "${command}" within ${Math.round(timeoutMs / 100) / 10} s`,
            {
              hint: 'the event loop of the program is blocked, or an iteration never ends',
              details: { command, at: this.at },
            },
          ),
        );
      }, timeoutMs);
      this.#waiting.set(id, { resolve: resolve as (answer: unknown) => void, reject, timer });
      this.#channel.send({ id, command, args });
    });
  }

  receive(message: FromAgent): void {
    if ('at' in message) this.at = message.at;
    else if ('problem' in message) this.problem = message.problem;
    else if ('id' in message) {
      const waiting = this.#waiting.get(message.id);
      if (!waiting) return;
      this.#waiting.delete(message.id);
      clearTimeout(waiting.timer);
      if ('failure' in message) {
        const hint = 'run again with a longer --budget; if it stays, report it with the program that shows it';
        waiting.reject(new WatertightError('WT_SOAK_AGENT_FAILED', String(message.failure), { hint }));
      } else waiting.resolve(message.answer);
    }
  }

  close(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#channel.close();
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(new AgentGone(this.hello.title));
    }
    this.#waiting.clear();
  }
}

/** The runner's end: agents connect to a socket in the run's private folder. Owned by the target, ends with it. */
export class AgentHub {
  readonly links = new Set<AgentLink>();
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #onJoin: ((link: AgentLink) => void) | null = null;

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket) => this.#join(socket));
  }

  static async listen(socketPath: string): Promise<AgentHub> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(socketPath, resolve);
    });
    return new AgentHub(server);
  }

  /** The first link that satisfies, now or later. */
  when(matches: (link: AgentLink) => boolean): Promise<AgentLink> {
    for (const link of this.links) if (matches(link)) return Promise.resolve(link);
    return new Promise((resolve) => {
      this.#onJoin = (link) => {
        if (matches(link)) resolve(link);
      };
    });
  }

  close(): void {
    for (const link of this.links) link.close();
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #join(socket: Socket): void {
    let link: AgentLink | null = null;
    this.#sockets.add(socket);
    const channel: Channel<FromAgent, Request> = new Channel<FromAgent, Request>(
      socket,
      (message) => {
        if (link) link.receive(message);
        else if (isHello(message)) {
          link = new AgentLink(channel, message.hello);
          this.links.add(link);
          this.#onJoin?.(link);
        }
      },
      () => {
        this.#sockets.delete(socket);
        if (link) this.links.delete(link);
        link?.close();
      },
    );
  }
}

/** The other side is a program that we know nothing of: what does not look like an agent is not listened to. */
function isHello(message: FromAgent): message is Hello {
  const { pid, threadId } = ('hello' in message && message.hello) || ({} as Partial<Hello['hello']>);
  return Number.isInteger(pid) && Number.isInteger(threadId);
}
