import { BroadcastChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { ThrownShape } from '../core/index.js';
import { LOCALS_CHANNEL, type LocalMessage } from './thread-local.js';

/**
 * Listens to what every thread of the process says of its `ThreadLocal` values. Messages that were posted before a
 * thread ended are there when its end is seen: `drain` takes them at once.
 */
export class LocalsListener {
  readonly #channel = new BroadcastChannel(LOCALS_CHANNEL);
  readonly #onMessage: (message: LocalMessage) => void;

  constructor(onMessage: (message: LocalMessage) => void) {
    this.#onMessage = onMessage;
    this.#channel.onmessage = (event) => this.#take((event as MessageEvent).data);
    this.#channel.unref();
  }

  drain(): void {
    for (let next = this.#next(); next; next = this.#next()) this.#take(next.message);
  }

  /** Node.js takes a BroadcastChannel here since 15.12; its types do not know. */
  #next(): { message: unknown } | undefined {
    return receiveMessageOnPort(this.#channel as unknown as MessagePort);
  }

  close(): void {
    this.#channel.close();
  }

  /** Any code of the process may post on the channel: what does not look like ours is dropped. */
  #take(message: unknown): void {
    const { threadId, id, state, name, description } = (message ?? {}) as Partial<LocalMessage>;
    if (!Number.isInteger(threadId) || !Number.isInteger(id) || typeof name !== 'string') return;
    const isFailure = state === 'failed' && typeof (description as ThrownShape | null)?.properties === 'object';
    if (isFailure || state === 'held' || state === 'gone') this.#onMessage(message as LocalMessage);
  }
}
