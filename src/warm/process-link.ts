import type { ChildProcess } from 'node:child_process';
import { builtin } from '../core/index.js';
import { type ChildLease, MARK_VARIABLE, registerChild } from '../leases/index.js';
import type { LinkEvents, LinkOptions, MemberLink } from './member-link.js';
import { type Answer, contentOf, type Order } from './warm-protocol.js';

/**
 * A member that is a child process. It ends with the thread that started it (prctl(2), in `owner-port.ts`), and its lease
 * lets `reclaim()` find it and all that it started when even that did not help.
 */
export class ProcessLink implements MemberLink {
  readonly id: number;
  readonly #child: ChildProcess;
  readonly #lease: ChildLease;

  /** @throws WatertightError WT_LEASES_FOLDER; what `fork` throws */
  constructor(options: LinkOptions, events: LinkEvents) {
    const { script, env, execArgv, argv } = options;
    this.#lease = registerChild();
    try {
      this.#child = builtin.childProcess.fork(builtin.url.fileURLToPath(script), argv, {
        env: { ...(env ?? process.env), [MARK_VARIABLE]: this.#lease.mark },
        serialization: 'advanced',
        ...(execArgv && { execArgv: [...execArgv] }),
      });
    } catch (error) {
      void this.#lease.release();
      throw error;
    }
    this.id = this.#child.pid ?? 0;
    if (this.id > 0) this.#lease.bind(this.id);
    this.#listen(events);
  }

  /** Without `transfer`: nothing moves between processes. */
  send(order: Order): void {
    // With a callback: one that is gone shows by its exit, not by an error event.
    if (this.#child.connected) this.#child.send({ warm: order }, ignore);
  }

  keepAlive(isNeeded: boolean): void {
    for (const handle of [this.#child, this.#child.channel]) {
      if (isNeeded) handle?.ref();
      else handle?.unref();
    }
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #listen({ onAnswer, onExit }: LinkEvents): void {
    this.#child.on('message', (message) => {
      const answer = contentOf<Answer>(message);
      if (answer) onAnswer(answer);
    });
    // Without a pid it never started, and has no exit.
    this.#child.on('error', (cause) => {
      if (this.id === 0) this.#ended(() => onExit({ exitCode: null, signal: null, cause }));
    });
    this.#child.once('exit', (exitCode, signal) => this.#ended(() => onExit({ exitCode, signal, cause: undefined })));
  }

  #ended(tell: () => void): void {
    void this.#lease.release();
    tell();
  }
}

function ignore(): void {}
