import { WatertightError } from '../core/index.js';
import type { StuckThread } from './pool-report.js';

/** What callers of a pool may get, worded in one place. */
export class PoolErrors {
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  closed(what: string, cause?: unknown): WatertightError {
    return new WatertightError('WT_THREADS_CLOSED', `Cannot ${what} as pool ${this.#name} is closed`, {
      hint: 'give work to a pool before its owner closes, and more graceMs to what must finish',
      cause,
    });
  }

  queueFull(task: string, waiting: number, queueLimit: number): WatertightError {
    const message = `Cannot queue task ${task} as ${waiting} of ${queueLimit} are waiting for pool ${this.#name}`;
    return new WatertightError('WT_THREADS_QUEUE_FULL', message, {
      hint: 'wait for a task to end before the next is added, or raise size or queueLimit',
      details: { waiting, queueLimit },
    });
  }

  notCloneable(task: string, what: 'input' | 'result', cause: unknown): WatertightError {
    const message = `Cannot pass the ${what} of task ${task} as it cannot be cloned`;
    return new WatertightError('WT_THREADS_NOT_CLONEABLE', message, {
      hint: 'pass plain data: functions, symbols and class instances with private state do not travel',
      cause,
    });
  }

  unresponsive(what: string, stuck: readonly StuckThread[]): WatertightError {
    const names = stuck.map(({ thread, task }) => (task === null ? thread : `${thread} (${task})`)).join(', ');
    return new WatertightError('WT_THREADS_UNRESPONSIVE', `Cannot ${what} as threads cannot be stopped: ${names}`, {
      hint: 'native code ignores terminate(): run what blocks for long in a child process',
      details: { stuck },
    });
  }
}
