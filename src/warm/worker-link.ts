import type { TransferListItem, Worker } from 'node:worker_threads';
import { builtin } from '../core/index.js';
import type { LinkEvents, LinkOptions, MemberLink } from './member-link.js';
import { type Answer, contentOf, type Order } from './warm-protocol.js';

/** A member that is a thread of this process. */
export class WorkerLink implements MemberLink {
  readonly id: number;
  readonly #worker: Worker;

  /** @throws what `new Worker` throws */
  constructor(options: LinkOptions, events: LinkEvents) {
    const { name, script, env, execArgv, argv, workerData, resourceLimits } = options;
    this.#worker = new builtin.threads.Worker(script, {
      name,
      argv: [...argv],
      workerData,
      ...(env && { env }),
      ...(execArgv && { execArgv: [...execArgv] }),
      ...(resourceLimits && { resourceLimits }),
    });
    this.id = this.#worker.threadId;
    this.#listen(events);
  }

  send(order: Order, transfer: readonly unknown[] = []): void {
    this.#worker.postMessage({ warm: order }, transfer as TransferListItem[]);
  }

  keepAlive(isNeeded: boolean): void {
    if (isNeeded) this.#worker.ref();
    else this.#worker.unref();
  }

  kill(): void {
    void this.#worker.terminate();
  }

  #listen({ onAnswer, onExit }: LinkEvents): void {
    let cause: unknown;
    this.#worker.on('message', (message) => {
      const answer = contentOf<Answer>(message);
      if (answer) onAnswer(answer);
    });
    this.#worker.on('error', (error) => {
      cause = error;
    });
    this.#worker.once('exit', (exitCode) => onExit({ exitCode, signal: null, cause }));
  }
}
