import type { PoolThreadState } from './pool-thread.js';

/** A thread that does not end. */
export interface StuckThread {
  readonly thread: string;
  readonly threadId: number;
  readonly state: PoolThreadState;
  /** Task that it was given last; null when it hung in its start or its end. */
  readonly task: string | null;
  /** Since that task began, or else the thread. */
  readonly ageMs: number;
}

export interface PoolThreadInfo {
  readonly name: string;
  readonly threadId: number;
  readonly state: PoolThreadState;
  readonly task: string | null;
  readonly tasks: number;
  readonly ageMs: number;
  /** 0 unless `recycleAfter.heapBytes` is set. */
  readonly heapBytes: number;
}

/** `accepted = waiting + running + completed + failed + timedOut + cancelled`, always. */
export interface ThreadPoolStatistics {
  readonly accepted: number;
  readonly waiting: number;
  readonly running: number;
  readonly completed: number;
  /** The function threw, its value could not be cloned, or its thread crashed or did not start. */
  readonly failed: number;
  readonly timedOut: number;
  /** By their signal, or by the close of the pool. */
  readonly cancelled: number;
  /** Not accepted, as the queue was full or the pool closed. */
  readonly refused: number;
  /** Alive, whatever their state. */
  readonly threads: number;
  readonly idle: number;
  readonly started: number;
  readonly recycled: number;
  readonly crashed: number;
  /** Ended from outside: a task did not stop, or a thread did not leave. */
  readonly terminated: number;
  readonly unresponsive: number;
  readonly failedStarts: number;
}

/** What closing a pool did: the tasks that were in it, and the threads that are left. */
export interface PoolCloseReport {
  readonly status: 'completed' | 'timeout' | 'already-closed';
  /** Tasks waiting and running when closing began. */
  readonly initial: number;
  readonly completed: number;
  readonly failed: number;
  readonly cancelled: number;
  /** Threads still there. */
  readonly remaining: number;
  readonly durationMs: number;
  readonly stuck: readonly StuckThread[];
}
