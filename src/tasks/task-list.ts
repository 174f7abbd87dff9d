import type { TaskRecord } from './task-record.js';

/** Tasks in the order of their spawning; a task is in one list at a time. Adding and removing: O(1). */
export class TaskList {
  first: TaskRecord | null = null;
  size = 0;
  #last: TaskRecord | null = null;

  append(task: TaskRecord): void {
    task.previous = this.#last;
    if (this.#last) this.#last.next = task;
    else this.first = task;
    this.#last = task;
    this.size++;
  }

  remove(task: TaskRecord): void {
    if (task.previous) task.previous.next = task.next;
    else this.first = task.next;
    if (task.next) task.next.previous = task.previous;
    else this.#last = task.previous;
    task.next = null;
    task.previous = null;
    this.size--;
  }

  /** A copy, for callers whose work changes the list. */
  toArray(): TaskRecord[] {
    const tasks: TaskRecord[] = [];
    for (let task = this.first; task; task = task.next) tasks.push(task);
    return tasks;
  }
}
