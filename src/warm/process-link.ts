import type { Child, Children } from '../children/index.js';
import type { LinkEvents, LinkOptions, MemberLink } from './member-link.js';
import { type Answer, contentOf, type Order } from './warm-protocol.js';

/** A member that is a process under `Children`: it ends with all that it started, and with the thread that started it. */
export class ProcessLink implements MemberLink {
  readonly id: number;
  readonly #child: Child;

  /** @throws WatertightError WT_CHILDREN_START, WT_CHILDREN_LIMIT, WT_LEASES_FOLDER */
  constructor(children: Children, options: LinkOptions, events: LinkEvents) {
    const { name, script, env, execArgv, argv } = options;
    this.#child = children.fork(script, {
      name,
      args: argv,
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit'],
      ...(env && { env }),
      ...(execArgv && { execArgv }),
    });
    this.id = this.#child.pid;
    this.#listen(events);
  }

  /** Without `transfer`: nothing moves between processes. */
  send(order: Order): void {
    // With a callback: one that is gone shows by its exit, not by an error event.
    if (this.#child.process.connected) this.#child.process.send({ warm: order }, ignore);
  }

  keepAlive(isNeeded: boolean): void {
    const { process } = this.#child;
    for (const handle of [process, process.channel]) {
      if (isNeeded) handle?.ref();
      else handle?.unref();
    }
  }

  kill(): void {
    void this.#child.end({ graceMs: 0 });
  }

  #listen({ onAnswer, onExit }: LinkEvents): void {
    const { process } = this.#child;
    process.on('message', (message) => {
      const answer = contentOf<Answer>(message);
      if (answer) onAnswer(answer);
    });
    // Not `ended`, which waits for what it started too: the session is to hear of it at once.
    process.once('exit', (exitCode, signal) => onExit({ exitCode, signal, cause: undefined }));
  }
}

function ignore(): void {}
