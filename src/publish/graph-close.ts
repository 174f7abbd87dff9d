// How a graph closes: runs, tasks, checkpointer, publisher, store. Tasks may still write checkpoints and publish; the last
// events of the runs are handed over before the publisher closes; the store is what everything else may read.
import { monotonicMs, settleBy } from '../core/index.js';
import type { BackgroundTasks } from '../tasks/index.js';
import type { ClosingPart, PartEnd } from './close-parts.js';
import type { RunsCloseReport, SuperviseGraphOptions } from './graph-options.js';
import type { GraphRun } from './graph-run.js';
import type { Publisher } from './publisher.js';

/** Runs and events are what closing is for; the others have little to do. */
const WEIGHTS = { runs: 3, tasks: 2, checkpointer: 1, publisher: 3, store: 1 };
/** Of the time of the runs: until then they may end by themselves, and until then between two steps; then they are aborted. */
const FINISH_SHARE = 0.5;
const INTERRUPT_SHARE = 0.75;
const REASON = 'its graph is closing';
/** Savers and stores of langgraph have one of these, by their kind; some have nothing to close. */
const CLOSERS = ['close', 'end', 'stop', Symbol.asyncDispose] as const;

/** The parts of a graph in the order in which they close. */
export function graphParts(options: SuperviseGraphOptions, live: () => GraphRun[]): ClosingPart[] {
  const { tasks, checkpointer, publisher, store } = options;
  const remains = () => live().map((run) => run.info());
  const parts: ClosingPart[] = [
    { part: 'runs', weight: WEIGHTS.runs, close: (deadlineAt) => closeRuns(live(), deadlineAt), remains },
  ];
  if (tasks) parts.push(tasksPart(tasks));
  if (checkpointer) parts.push(thingPart('checkpointer', checkpointer));
  parts.push(publisherPart(publisher));
  if (store) parts.push(thingPart('store', store));
  return parts;
}

async function closeRuns(runs: readonly GraphRun[], deadlineAt: number): Promise<PartEnd> {
  const now = monotonicMs();
  const at = (share: number) => now + (deadlineAt - now) * share;
  const ended = () => Promise.all(runs.map((run) => run.ended));
  const live = () => runs.filter((run) => !run.isEnded);
  if (runs.length > 0) await settleBy(ended(), at(FINISH_SHARE));
  for (const run of live()) run.interrupt('close', REASON);
  if (live().length > 0) await settleBy(ended(), at(INTERRUPT_SHARE));
  const aborted = live();
  for (const run of aborted) run.stop('close', REASON);
  if (aborted.length > 0) await settleBy(ended(), deadlineAt);
  const givenUp = live();
  const stuck = givenUp.map((run) => run.info());
  for (const run of givenUp) run.abandon();
  await ended();
  const count = (outcome: GraphRun['outcome']) =>
    runs.filter((run) => run.outcome === outcome && !givenUp.includes(run)).length;
  const report: RunsCloseReport = {
    initial: runs.length,
    ended: count('ended'),
    interrupted: count('interrupted'),
    stopped: count('stopped'),
    leftNodes: aborted
      .filter(({ nodesAtStop }) => nodesAtStop.length > 0)
      .map(({ runId, nodesAtStop: nodes }) => ({ runId, nodes })),
    stuck,
  };
  return { status: stuck.length > 0 ? 'timeout' : 'completed', report };
}

function tasksPart(tasks: BackgroundTasks): ClosingPart {
  const close = async (deadlineAt: number): Promise<PartEnd> => {
    const report = await tasks.close({ timeoutMs: msUntil(deadlineAt) });
    if (report.status !== 'already-closed') return { status: report.status, report };
    return { status: report.remaining > 0 ? 'timeout' : report.failed > 0 ? 'failed' : 'completed', report };
  };
  return { part: 'tasks', weight: WEIGHTS.tasks, close, remains: () => ({ stuck: tasks.list() }) };
}

function publisherPart(publisher: Publisher): ClosingPart {
  const close = async (deadlineAt: number): Promise<PartEnd> => {
    const report = await publisher.close({ timeoutMs: Math.floor(msUntil(deadlineAt)) });
    return { status: report.status, report };
  };
  return { part: 'publisher', weight: WEIGHTS.publisher, close, remains: () => publisher.stats() };
}

function thingPart(part: 'checkpointer' | 'store', thing: object): ClosingPart {
  const close = async (): Promise<PartEnd> => {
    const methods = thing as Partial<Record<(typeof CLOSERS)[number], unknown>>;
    const name = CLOSERS.find((closer) => typeof methods[closer] === 'function');
    if (name !== undefined) await (methods[name] as () => unknown).call(thing);
    return { status: 'completed' };
  };
  return { part, weight: WEIGHTS[part], close };
}

function msUntil(deadlineAt: number): number {
  return Math.max(deadlineAt - monotonicMs(), 0);
}
