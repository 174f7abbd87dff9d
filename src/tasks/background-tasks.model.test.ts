import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BackgroundTasks, type Task } from './index.js';

/** What the plain model knows of one task. */
interface Expected {
  state: 'blocked' | 'queued' | 'running' | 'cancelled' | 'gone';
  outcome?: 'completed' | 'failed' | 'cancelled' | 'refused';
  settle?: (how: 'value' | 'error') => void;
  seen?: string;
}

const command = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('spawn' as const), isLimited: fc.boolean() }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('end' as const),
      at: fc.nat(20),
      how: fc.constantFrom('value' as const, 'error' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const), at: fc.nat(20) }) },
);
const setting = fc.record({
  concurrency: fc.integer({ min: 1, max: 3 }),
  queueLimit: fc.integer({ min: 0, max: 3 }),
  overflow: fc.constantFrom('block' as const, 'reject' as const, 'drop-oldest' as const, 'drop-newest' as const),
});

/** Lists of names, driven by the rules of docs/tasks.md in the plainest words. */
class Model {
  readonly tasks: Expected[] = [];
  constructor(readonly setting: { concurrency: number; queueLimit: number; overflow: string }) {}

  in(state: Expected['state']): Expected[] {
    return this.tasks.filter((task) => task.state === state);
  }

  get #taken(): number {
    return this.in('running').length + this.in('cancelled').length;
  }

  spawn(): Expected {
    const task: Expected = { state: 'gone' };
    this.tasks.push(task);
    const { concurrency, queueLimit, overflow } = this.setting;
    const oldest = this.in('queued')[0];
    if (this.#taken < concurrency) task.state = 'running';
    else if (this.in('queued').length < queueLimit) task.state = 'queued';
    else if (overflow === 'block') task.state = 'blocked';
    else if (overflow === 'drop-oldest' && oldest) {
      Object.assign(oldest, { state: 'gone', outcome: 'refused' });
      task.state = 'queued';
    } else task.outcome = 'refused';
    return task;
  }

  end(task: Expected, how: 'value' | 'error'): void {
    task.outcome = how === 'error' ? 'failed' : task.state === 'cancelled' ? 'cancelled' : 'completed';
    task.state = 'gone';
    this.#fill();
  }

  cancel(task: Expected): void {
    if (task.state === 'running') task.state = 'cancelled';
    else Object.assign(task, { state: 'gone', outcome: 'cancelled' });
    this.#fill();
  }

  #fill(): void {
    for (;;) {
      const next = this.in('queued')[0] ?? this.in('blocked')[0];
      if (next && this.#taken < this.setting.concurrency) next.state = 'running';
      else if (this.in('blocked')[0] && this.in('queued').length < this.setting.queueLimit) {
        this.in('blocked')[0]!.state = 'queued';
      } else return;
    }
  }
}

/** Longer than any chain of promises within one step. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

test('BackgroundTasks does what a plain model does, over random spawns, ends and cancels', async () => {
  await fc.assert(
    fc.asyncProperty(setting, fc.array(command, { maxLength: 40 }), async (options, commands) => {
      const model = new Model(options);
      const tasks = new BackgroundTasks({ ...options, onFailure: () => {} });
      const spawn = (isLimited: boolean) => {
        const name = `n${model.tasks.length}`;
        const expected = model.spawn();
        const run = (_: Task) =>
          new Promise<string>((resolve, reject) => {
            expected.settle = (how) => (how === 'value' ? resolve('done') : reject(new Error('failed')));
          });
        void tasks.spawn(name, run, isLimited ? { timeoutMs: 600_000 } : undefined).then(
          () => {
            expected.seen = 'completed';
          },
          (error) => {
            const codes = { WT_TASKS_CANCELLED: 'cancelled', WT_TASKS_FULL: 'refused', WT_TASKS_DROPPED: 'refused' };
            expected.seen = codes[error.code as keyof typeof codes] ?? 'failed';
          },
        );
      };
      for (const one of commands) {
        if (one.kind === 'spawn') spawn(one.isLimited);
        else if (one.kind === 'end') {
          const running = model.tasks.filter(({ state }) => state === 'running' || state === 'cancelled');
          const task = running[one.at % Math.max(running.length, 1)];
          if (task) {
            task.settle!(one.how);
            model.end(task, one.how);
          }
        } else {
          const live = model.tasks.filter(({ state }) => state !== 'gone' && state !== 'cancelled');
          const task = live[one.at % Math.max(live.length, 1)];
          if (task) {
            expect(tasks.cancel(`n${model.tasks.indexOf(task)}`)).toBe(1);
            model.cancel(task);
          }
        }
        await turn();
        const shown = Object.fromEntries(tasks.list().map(({ name, state }) => [name, state]));
        const wanted = Object.fromEntries(
          model.tasks.flatMap(({ state }, n) => (state === 'gone' ? [] : [[`n${n}`, state]])),
        );
        expect(shown).toEqual(wanted);
        for (const task of model.tasks) if (task.state === 'gone') expect(task.seen).toBe(task.outcome);
        const counted = (outcome: string) => model.tasks.filter((task) => task.outcome === outcome).length;
        expect(tasks.stats()).toMatchObject({
          completed: counted('completed'),
          failed: counted('failed'),
          cancelled: counted('cancelled'),
          refused: counted('refused'),
        });
      }
      const accepted = model.tasks.filter(({ state }) => state !== 'gone' && state !== 'blocked');
      const closing = tasks.close({ graceMs: 0, timeoutMs: 600_000 });
      for (const task of accepted) task.settle?.('value');
      const report = await closing;
      expect(report).toMatchObject({ status: 'completed', initial: accepted.length, remaining: 0, completed: 0 });
      expect(report.cancelled).toBe(accepted.length);
      expect(tasks.list()).toEqual([]);
    }),
    { numRuns: 300 },
  );
});
