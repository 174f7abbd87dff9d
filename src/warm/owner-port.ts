import { parentPort } from 'node:worker_threads';
import { WatertightError } from '../core/index.js';
import { native } from '../native/index.js';
import type { Answer, Order } from './warm-protocol.js';
import { contentOf } from './warm-protocol.js';

const SIGKILL = 9;

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
  endWithParent();
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

/** The kernel kills a member whose event loop is blocked, too, when the thread that started it ends. */
function endWithParent(): void {
  const parent = process.ppid;
  native()?.setParentDeathSignal(SIGKILL);
  // It may have ended before the kernel knew.
  if (process.ppid !== parent) process.exit(1);
}

function ignore(): void {}
