import { monotonicMs } from '../core/index.js';
import type { Task, TaskState } from './task.js';
import { TaskExtras } from './task-extras.js';

/** One task in its list. Small, as ten thousand may be alive at once: what is rare is in `extras`. */
export class TaskRecord implements Task {
  readonly name: string;
  readonly context: unknown;
  readonly bornAt: number = monotonicMs();
  next: TaskRecord | null = null;
  previous: TaskRecord | null = null;
  state: TaskState = 'running';
  extras: TaskExtras | null = null;

  constructor(name: string, context: unknown) {
    this.name = name;
    this.context = context;
  }

  /** Makes room for what is rare. */
  extend(): TaskExtras {
    this.extras ??= new TaskExtras(this);
    return this.extras;
  }

  get ageMs(): number {
    return monotonicMs() - this.bornAt;
  }

  get isCancelled(): boolean {
    return this.state === 'cancelled' || this.state === 'overdue';
  }

  get signal(): AbortSignal {
    const extras = this.extend();
    extras.controller ??= new AbortController();
    const { signal } = extras.controller;
    if (this.isCancelled && !signal.aborted) extras.controller.abort(extras.reason);
    return signal;
  }

  /** Tells the running function to stop. Listeners of `signal` run now. */
  stop(state: 'cancelled' | 'overdue', reason: unknown): void {
    this.state = state;
    const extras = this.extend();
    extras.reason = reason;
    extras.controller?.abort(reason);
  }
}
