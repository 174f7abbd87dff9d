import { parentPort } from 'node:worker_threads';
import { WatertightError } from '../core/index.js';
import type { Answer, Order } from './warm-protocol.js';
import { contentOf } from './warm-protocol.js';

/** A member's way to its pool: the port of a thread, or the channel of a child process. */
export interface OwnerPort {
  send(answer: Answer, transfer?: readonly unknown[]): void;
  /** `onGone`: the process of the pool has ended (child processes only: a thread ends with its process). */
  listen(onOrder: (order: Order) => void, onGone: () => void): void;
  /** Ends this member, with its exit hooks. */
  leave(): void;
}

/** @throws WatertightError WT_WARM_NO_POOL */
export function ownerPort(): OwnerPort {
  if (parentPort) return threadPort(parentPort);
  if (process.send) return processPort();
  throw new WatertightError('WT_WARM_NO_POOL', 'Cannot serve sessions as nobody has started this script', {
    hint: 'give the script to `new WarmPool({ script })` instead of running it',
  });
}

function threadPort(port: NonNullable<typeof parentPort>): OwnerPort {
  return {
    send: (answer, transfer = []) => port.postMessage({ warm: answer }, transfer as never),
    listen: (onOrder) => {
      port.on('message', (message) => {
        const order = contentOf<Order>(message);
        if (order) onOrder(order);
      });
    },
    leave: () => process.exit(0),
  };
}

function processPort(): OwnerPort {
  // Made when first used: a session that prints something would seem to have left it open.
  void process.stdout;
  void process.stderr;
  return {
    // With a callback: a pool that is gone shows by `disconnect`, not by an error event.
    send: (answer) => void process.send?.({ warm: answer }, undefined, {}, ignore),
    listen: (onOrder, onGone) => {
      process.on('message', (message) => {
        const order = contentOf<Order>(message);
        if (order) onOrder(order);
      });
      process.once('disconnect', onGone);
    },
    leave: () => process.exit(0),
  };
}

function ignore(): void {}
