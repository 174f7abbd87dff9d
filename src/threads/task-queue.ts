import type { PoolTask } from './pool-task.js';

/** Waiting tasks, first in, first out; one that is stopped meanwhile leaves in O(1). */
export class TaskQueue {
  #first: PoolTask | null = null;
  #last: PoolTask | null = null;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(task: PoolTask): void {
    task.previous = this.#last;
    if (this.#last) this.#last.next = task;
    else this.#first = task;
    this.#last = task;
    this.#size++;
  }

  shift(): PoolTask | null {
    const first = this.#first;
    if (first) this.remove(first);
    return first;
  }

  /** Takes out a task that waits here; any other stays as it is. */
  remove(task: PoolTask): void {
    if (task !== this.#first && task.previous === null) return;
    if (task.previous) task.previous.next = task.next;
    else this.#first = task.next;
    if (task.next) task.next.previous = task.previous;
    else this.#last = task.previous;
    task.next = null;
    task.previous = null;
    this.#size--;
  }
}
