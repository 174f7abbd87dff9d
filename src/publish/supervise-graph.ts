import { randomUUID } from 'node:crypto';
import {
  checkCallback,
  checkOptionNames,
  checkOwner,
  checkSignal,
  errorText,
  kindOf,
  monotonicMs,
  type Owned,
  type Owner,
  settleBy,
} from '../core/index.js';
import type { BackgroundTasks } from '../tasks/index.js';
import { type ClosingPart, closeParts, type PartEnd, type PartReport, type PartStatus } from './close-parts.js';
import { GraphEvents } from './graph-events.js';
import { type GraphConfig, GraphRun, type GraphRunInfo, type GraphRunSettings, type StoppedBy } from './graph-run.js';
import { GraphStream } from './graph-stream.js';
import { graphBusyError, graphClosedError, runStoppedError } from './publish-errors.js';
import type { CloseOptions, Publisher } from './publisher.js';
import { oneOf, optionalFlag, optionalText, wholeNumber } from './publisher-options.js';

/** A compiled graph of langgraph, as far as it is needed here. */
export interface RunnableGraph {
  invoke(input: never, config?: never): Promise<unknown>;
  stream(input: never, config?: never): Promise<AsyncIterable<unknown>>;
}

/** An event that did not reach the publisher's broker, as far as that is known. */
export interface GraphPublishFailure {
  readonly error: Error;
  readonly runId: string;
  readonly graph: string;
}

export interface SuperviseGraphOptions {
  /** Gets the events of all runs. Closed with the graph. */
  readonly publisher: Publisher;
  /** Closed after the runs: by its `close`, `end`, `stop` or `Symbol.asyncDispose`, the first that it has. Default: left alone. */
  readonly checkpointer?: object;
  /** Closed last, in the same way. Default: left alone. */
  readonly store?: object;
  /** Closed after the runs: they may need its work. Default: none. */
  readonly tasks?: BackgroundTasks;
  /** Closes the graph when it closes. */
  readonly scope?: Owner;
  /** For messages and reports. Default: the graph's own name, or `graph`. */
  readonly name?: string;
  /**
   * Most runs at once; a further one is refused. Default 256: with 64 events each they are what a publisher's defaults
   * hold (10,000 buffered and 10,000 waiting).
   */
  readonly maxConcurrentRuns?: number;
  /** Most events of a run that are not confirmed; then its next node waits. Default 64. */
  readonly maxUnconfirmedEvents?: number;
  /** Most chunks of a stream that wait for its reader; then its next node waits. Default 16, which is some steps of a few nodes. */
  readonly maxBufferedChunks?: number;
  /**
   * Whether events that were not published matter to their run: `ignore` counts and tells them, `fail-run` stops the run,
   * which then ends well only when all its events are confirmed. Default `ignore`.
   */
  readonly publishFailures?: 'ignore' | 'fail-run';
  readonly events?: {
    /** An event for each token of a model that streams. Default false: they are many. */
    readonly llmTokens?: boolean;
    /** Whether events carry inputs, outputs, prompts and answers. Default true; false where they are secret. */
    readonly data?: boolean;
  };
  /** Told of each event that was not published. */
  readonly onFailure?: (failure: GraphPublishFailure) => void;
}

/** Since the beginning. */
export interface GraphStats {
  readonly name: string;
  /** Now. */
  readonly live: number;
  readonly started: number;
  readonly completed: number;
  readonly failed: number;
  /** Stopped by the graph itself, to be resumed; or by somebody. */
  readonly interrupted: number;
  /** Runs that were refused. */
  readonly refused: number;
  /** Events that the publisher has taken. */
  readonly published: number;
  readonly publishFailures: number;
}

/** What closing did with the runs that were there: `initial` = `ended` + `interrupted` + `stopped` + `stuck.length`. */
export interface RunsCloseReport {
  readonly initial: number;
  /** By themselves. */
  readonly ended: number;
  /** Between two steps. */
  readonly interrupted: number;
  /** Within a step. */
  readonly stopped: number;
  /** Nodes that ran when their run was stopped, and may still: langgraph does not wait for them. */
  readonly leftNodes: readonly { readonly runId: string; readonly nodes: readonly string[] }[];
  /** Runs that did not end, and were given up. */
  readonly stuck: readonly GraphRunInfo[];
}

export interface GraphCloseReport {
  /** That of the worst part. */
  readonly status: PartStatus;
  readonly durationMs: number;
  /** In the order of closing: runs, tasks, checkpointer, publisher, store; those that were given. */
  readonly parts: readonly PartReport[];
  /** Events of all runs that were not published, or of which that is not known. */
  readonly publishFailures: number;
}

type Input<G extends RunnableGraph> = Parameters<G['invoke']>[0];
type Chunk<G extends RunnableGraph> = Awaited<ReturnType<G['stream']>> extends AsyncIterable<infer T> ? T : unknown;

const OPTIONS = [
  'publisher',
  'checkpointer',
  'store',
  'tasks',
  'scope',
  'name',
  'maxConcurrentRuns',
  'maxUnconfirmedEvents',
  'maxBufferedChunks',
  'publishFailures',
  'events',
  'onFailure',
];
const CLOSERS = ['close', 'end', 'stop', Symbol.asyncDispose] as const;
const CLOSE_TIMEOUT_MS = 10_000;
const MOST_MS = 2 ** 31 - 1;
/** What a scope gives its releases is 10 s; our own report is to come before. */
const SCOPE_CLOSE_MS = 9_000;
/** Runs and events are what closing is for; the others have little to do. */
const WEIGHTS = { runs: 3, tasks: 2, checkpointer: 1, publisher: 3, store: 1 };
/** Of the time of the runs: until then they may end by themselves; until then between two steps; then they are aborted. */
const FINISH_SHARE = 0.5;
const INTERRUPT_SHARE = 0.75;

const where = 'superviseGraph()';

/**
 * A compiled graph of `@langchain/langgraph` with an owner: its runs are listed, limited and stopped, what happens in them is
 * published, and `close()` ends runs, tasks, checkpointer, publisher and store in this order within one deadline.
 *
 * The first event of a run is `graph_execution` `start`, its last one `graph_execution` `end`, `error` or `interrupted`:
 * also when it fails, is stopped, or its reader leaves. Within a run `sequence` counts from 0 without a hole.
 *
 * @throws TypeError, RangeError naming the option; WatertightError WT_SCOPE_CLOSED
 *
 * Cost: four events a node (start, end, update; a node of a graph without work takes some 0.1 ms in langgraph itself).
 *
 * @example
 * const agent = superviseGraph(graph, { publisher, checkpointer, tasks });
 * for await (const chunk of agent.stream({ question }, { configurable: { thread_id: 'a', user_id: 'b' } })) show(chunk);
 * const { status, parts } = await agent.close({ timeoutMs: 10_000 });
 */
export function superviseGraph<G extends RunnableGraph>(graph: G, options: SuperviseGraphOptions): SupervisedGraph<G> {
  return new SupervisedGraph(graph, options);
}

/** Made by `superviseGraph()`. */
export class SupervisedGraph<G extends RunnableGraph> implements AsyncDisposable {
  readonly name: string;
  readonly #graph: G;
  readonly #options: SuperviseGraphOptions;
  readonly #maxRuns: number;
  readonly #maxChunks: number;
  readonly #failsRun: boolean;
  readonly #withTokens: boolean;
  readonly #settings: GraphRunSettings;
  readonly #runs = new Map<string, GraphRun>();
  readonly #owned: Owned | undefined;
  readonly #stats = {
    started: 0,
    completed: 0,
    failed: 0,
    interrupted: 0,
    refused: 0,
    published: 0,
    publishFailures: 0,
  };
  #closing: Promise<GraphCloseReport> | undefined;

  constructor(graph: G, options: SuperviseGraphOptions) {
    checkGraph(graph);
    checkOptions(options);
    const { maxConcurrentRuns = 256, maxUnconfirmedEvents = 64, maxBufferedChunks = 16, events = {} } = options;
    this.#graph = graph;
    this.#options = options;
    this.name = options.name ?? nameOf(graph);
    this.#maxRuns = wholeNumber(where, 'maxConcurrentRuns', maxConcurrentRuns, 1, 1_000_000);
    this.#maxChunks = wholeNumber(where, 'maxBufferedChunks', maxBufferedChunks, 1, 1_000_000);
    this.#failsRun = options.publishFailures === 'fail-run';
    this.#withTokens = events.llmTokens ?? false;
    this.#settings = {
      publisher: options.publisher,
      maxUnconfirmed: wholeNumber(where, 'maxUnconfirmedEvents', maxUnconfirmedEvents, 1, 1_000_000),
      withData: events.data ?? true,
      onPublished: () => {
        this.#stats.published++;
      },
      onPublishFailure: (run, error) => this.#notPublished(run, error),
    };
    this.#owned = options.scope?.defer(this.name, () => this.close({ timeoutMs: SCOPE_CLOSE_MS }));
  }

  get isClosed(): boolean {
    return this.#closing !== undefined;
  }

  /**
   * As `graph.invoke`. Its run has the id `config.runId`, or a new one.
   * Rejects as the graph does; with WT_PUBLISH_RUN_STOPPED, WT_PUBLISH_GRAPH_CLOSED, WT_PUBLISH_GRAPH_BUSY.
   */
  async invoke(input: Input<G>, config?: Parameters<G['invoke']>[1]): Promise<Awaited<ReturnType<G['invoke']>>> {
    const given = checkedConfig(config);
    const run = this.#begin(input, given);
    const work = () => this.#graph.invoke(input, this.#configOf(run, given, false).own as never);
    return this.#follow(run, work) as Promise<Awaited<ReturnType<G['invoke']>>>;
  }

  /**
   * As `graph.stream`, from the first `next()` on; fails as `invoke` does. The graph does not run ahead of its reader: a
   * node starts only while fewer than `maxBufferedChunks` wait. Leaving the loop stops the run.
   */
  stream(input: Parameters<G['stream']>[0], config?: Parameters<G['stream']>[1]): GraphStream<Chunk<G>> {
    const given = checkedConfig(config);
    let run: GraphRun | undefined;
    const stream: GraphStream<Chunk<G>> = new GraphStream(this.#maxChunks, {
      start: () => {
        try {
          run = this.#begin(input, given);
          this.#read(run, stream, input, given);
        } catch (error) {
          stream.fail(error);
        }
      },
      onTaken: () => run?.wakeReader(),
      onLeft: async () => {
        run?.stop('reader', undefined);
        await run?.ended;
      },
    });
    return stream;
  }

  /** The runs that are there, oldest first. */
  runs(): GraphRunInfo[] {
    return [...this.#runs.values()].map((run) => run.info());
  }

  /**
   * Aborts the run of that id, or all runs of that thread: their signal tells the nodes, and langgraph waits for none.
   * @returns how many were told.
   */
  stop(runOrThreadId: string, reason?: unknown): number {
    return this.#tell(runOrThreadId, (run) => run.stop('stop', reason));
  }

  /**
   * Ends the run of that id, or all runs of that thread, before their next step, with the checkpoint kept; `invoke(null)` on the
   * thread goes on. Needs a langgraph that asks `config.control` (1.4 does; one that does not goes on).
   * @returns how many were told.
   */
  interrupt(runOrThreadId: string, reason?: unknown): number {
    return this.#tell(runOrThreadId, (run) => run.interrupt('interrupt', reason));
  }

  stats(): GraphStats {
    return { name: this.name, live: this.#runs.size, ...this.#stats };
  }

  /**
   * Takes no more runs, and closes: runs (they may end, then stop between two steps, then are aborted), tasks,
   * checkpointer, publisher, store. Each has a share of the time that is left; all end at `timeoutMs` + 50 ms at the latest.
   * Every call has the same report. Never rejects.
   */
  close({ timeoutMs = CLOSE_TIMEOUT_MS }: CloseOptions = {}): Promise<GraphCloseReport> {
    wholeNumber(`${where}, close()`, 'timeoutMs', timeoutMs, 0, MOST_MS);
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #begin(input: unknown, config: GraphConfig): GraphRun {
    const refusal = this.#closing
      ? graphClosedError(this.name)
      : this.#runs.size >= this.#maxRuns
        ? graphBusyError(this.name, this.#maxRuns)
        : undefined;
    if (refusal) {
      this.#stats.refused++;
      throw refusal;
    }
    const runId = config.runId ?? randomUUID();
    if (this.#runs.has(runId))
      throw new RangeError(`${where}: runId must be new, and ${kindOf(runId)} is that of a run`);
    const run = new GraphRun(runId, config, this.#settings);
    this.#runs.set(runId, run);
    this.#stats.started++;
    run.emit({
      event: 'graph_execution',
      eventType: 'start',
      contentType: ['state'],
      data: input,
      metadata: { graph: this.name },
    });
    return run;
  }

  #configOf(run: GraphRun, config: GraphConfig, isStream: boolean) {
    const events = new GraphEvents(run, this.#withTokens);
    const writes = writtenIn(config, this.#graph);
    const own = {
      ...config,
      runId: run.runId,
      signal: run.signal,
      control: run.control,
      callbacks: withHandler(config.callbacks, events),
      // Whoever streams what nodes write gets it from langgraph's own writer.
      ...(writes === 'none' && config.writer === undefined
        ? { writer: (data: unknown) => events.noteWritten(data) }
        : {}),
    };
    const onChunk = (chunk: unknown) => {
      if (!isStream || writes === 'none' || config.encoding !== undefined) return;
      if (writes === 'all') events.noteWritten(config.subgraphs ? (chunk as unknown[])[1] : chunk);
      else {
        const [mode, data] = (chunk as unknown[]).slice(-2);
        if (mode === 'custom') events.noteWritten(data);
      }
    };
    return { own, onChunk };
  }

  #read(run: GraphRun, stream: GraphStream<Chunk<G>>, input: unknown, config: GraphConfig): void {
    run.isReaderFull = () => stream.isFull;
    const reading = async () => {
      const { own, onChunk } = this.#configOf(run, config, true);
      for await (const chunk of await this.#graph.stream(input as never, own as never)) {
        onChunk(chunk);
        stream.push(chunk as Chunk<G>);
      }
    };
    this.#follow(run, reading).then(
      () => stream.end(),
      (error) => stream.fail(error),
    );
  }

  /** Until the graph has ended, or nobody waits for it any more. */
  async #follow<T>(run: GraphRun, work: () => Promise<T>): Promise<T> {
    const whole = async () => {
      const value = await work();
      if (this.#failsRun) await confirmed(run);
      return value;
    };
    try {
      const value = await Promise.race([whole(), run.abandoned.then(() => Promise.reject(GIVEN_UP))]);
      this.#completed(run, value);
      if (this.#failsRun) await confirmed(run);
      return value;
    } catch (error) {
      throw this.#failed(run, error);
    } finally {
      this.#runs.delete(run.runId);
    }
  }

  #completed(run: GraphRun, value: unknown): void {
    const interrupts = run.interrupts ?? (value as { __interrupt__?: unknown[] } | null | undefined)?.__interrupt__;
    const metadata = this.#endMetadata(run);
    if (interrupts === undefined) {
      this.#stats.completed++;
      run.end({ event: 'graph_execution', eventType: 'end', contentType: ['state'], data: run.output, metadata });
      return;
    }
    this.#stats.interrupted++;
    const data = { interrupts };
    run.end({ event: 'graph_execution', eventType: 'interrupted', data, metadata: { ...metadata, by: 'graph' } });
  }

  /** @returns what the run rejects with */
  #failed(run: GraphRun, error: unknown): unknown {
    if (run.isEnded) return error;
    const by: StoppedBy | undefined = run.stoppedBy;
    const metadata = this.#endMetadata(run);
    if (by === undefined || by === 'publish') {
      const failure = by === 'publish' ? run.firstFailure : error;
      this.#stats.failed++;
      const content = errorText(failure);
      run.end({
        event: 'graph_execution',
        eventType: 'error',
        isError: true,
        content,
        contentType: ['error'],
        metadata,
      });
      return failure;
    }
    const isResumable = (error as { name?: unknown } | null)?.name === 'GraphDrained';
    const { stopReason: reason, nodesAtStop: nodes } = run;
    this.#stats.interrupted++;
    run.end({
      event: 'graph_execution',
      eventType: 'interrupted',
      metadata: {
        ...metadata,
        by,
        isResumable,
        ...(reason === undefined ? {} : { reason: errorText(reason) }),
        ...(nodes.length === 0 ? {} : { nodes }),
      },
    });
    const cause = error === GIVEN_UP ? undefined : error;
    return by === 'signal' ? error : runStoppedError(this.name, run.runId, by, { reason, nodes, isResumable }, cause);
  }

  #endMetadata(run: GraphRun): Record<string, unknown> {
    return { graph: this.name, durationMs: run.ageMs };
  }

  #notPublished(run: GraphRun, error: Error): void {
    this.#stats.publishFailures++;
    try {
      this.#options.onFailure?.({ error, runId: run.runId, graph: this.name });
    } catch {
      // A listener that throws must not end a run.
    }
    if (this.#failsRun) run.stop('publish', error);
  }

  #tell(id: string, tell: (run: GraphRun) => void): number {
    let told = 0;
    for (const run of this.#runs.values()) {
      if (run.runId !== id && run.threadId !== id) continue;
      told++;
      tell(run);
    }
    return told;
  }

  async #close(timeoutMs: number): Promise<GraphCloseReport> {
    const startedAt = monotonicMs();
    const parts = await closeParts(this.#parts(), startedAt + timeoutMs);
    this.#owned?.detach();
    return {
      status: worst(parts.map(({ status }) => status)),
      durationMs: monotonicMs() - startedAt,
      parts,
      publishFailures: this.#stats.publishFailures,
    };
  }

  #parts(): ClosingPart[] {
    const { tasks, checkpointer, publisher, store } = this.#options;
    const parts: ClosingPart[] = [
      {
        part: 'runs',
        weight: WEIGHTS.runs,
        close: (deadlineAt) => this.#closeRuns(deadlineAt),
        remains: () => this.runs(),
      },
    ];
    if (tasks) {
      parts.push({
        part: 'tasks',
        weight: WEIGHTS.tasks,
        close: (deadlineAt) => closeTasks(tasks, msUntil(deadlineAt)),
        remains: () => ({ stuck: tasks.list() }),
      });
    }
    if (checkpointer) {
      parts.push({ part: 'checkpointer', weight: WEIGHTS.checkpointer, close: () => closeThing(checkpointer) });
    }
    parts.push({
      part: 'publisher',
      weight: WEIGHTS.publisher,
      close: async (deadlineAt) => {
        const report = await publisher.close({ timeoutMs: Math.floor(msUntil(deadlineAt)) });
        return { status: report.status, report };
      },
      remains: () => publisher.stats(),
    });
    if (store) parts.push({ part: 'store', weight: WEIGHTS.store, close: () => closeThing(store) });
    return parts;
  }

  async #closeRuns(deadlineAt: number): Promise<PartEnd> {
    const runs = [...this.#runs.values()];
    const now = monotonicMs();
    const at = (share: number) => now + (deadlineAt - now) * share;
    const ended = () => Promise.all(runs.map((run) => run.ended));
    const live = () => runs.filter((run) => !run.isEnded);
    if (runs.length > 0) await settleBy(ended(), at(FINISH_SHARE));
    for (const run of live()) run.interrupt('close', 'its graph is closing');
    if (live().length > 0) await settleBy(ended(), at(INTERRUPT_SHARE));
    const aborted = live();
    for (const run of aborted) run.stop('close', 'its graph is closing');
    if (aborted.length > 0) await settleBy(ended(), deadlineAt);
    const stuck = live().map((run) => run.info());
    for (const run of live()) run.abandon();
    // Their last events are handed over before the publisher closes.
    await ended();
    const stopped = aborted.filter((run) => run.stoppedBy === 'close').length - stuck.length;
    const interrupted = runs.filter((run) => run.stoppedBy === 'close').length - stopped - stuck.length;
    const report: RunsCloseReport = {
      initial: runs.length,
      ended: runs.length - stopped - interrupted - stuck.length,
      interrupted,
      stopped,
      leftNodes: aborted.filter(({ nodesAtStop }) => nodesAtStop.length > 0).map(leftNodes),
      stuck,
    };
    return { status: stuck.length > 0 ? 'timeout' : 'completed', report };
  }
}

/** Every event so far. */
async function confirmed(run: GraphRun): Promise<void> {
  await run.confirmed();
  if (run.firstFailure) throw run.firstFailure;
}

const GIVEN_UP = new Error('given up');

function leftNodes({ runId, nodesAtStop }: GraphRun) {
  return { runId, nodes: nodesAtStop };
}

function msUntil(deadlineAt: number): number {
  return Math.max(deadlineAt - monotonicMs(), 0);
}

async function closeTasks(tasks: BackgroundTasks, timeoutMs: number): Promise<PartEnd> {
  const report = await tasks.close({ timeoutMs });
  if (report.status !== 'already-closed') return { status: report.status, report };
  return { status: report.remaining > 0 ? 'timeout' : report.failed > 0 ? 'failed' : 'completed', report };
}

/** Savers and stores have one of these, by their kind; some have nothing to close. */
async function closeThing(thing: object): Promise<PartEnd> {
  const methods = thing as Partial<Record<(typeof CLOSERS)[number], unknown>>;
  const name = CLOSERS.find((closer) => typeof methods[closer] === 'function');
  if (name !== undefined) await (methods[name] as () => unknown).call(thing);
  return { status: 'completed' };
}

function worst(statuses: readonly PartStatus[]): PartStatus {
  return statuses.includes('timeout') ? 'timeout' : statuses.includes('failed') ? 'failed' : 'completed';
}

/** What of a run's chunks is written by nodes: all of them, some with the mode beside, or none. */
function writtenIn(config: GraphConfig, graph: object): 'all' | 'some' | 'none' {
  const modes = config.streamMode ?? (graph as { streamMode?: unknown }).streamMode;
  if (!Array.isArray(modes)) return modes === 'custom' ? 'all' : 'none';
  if (!modes.includes('custom')) return 'none';
  return config.streamMode === undefined && modes.length === 1 ? 'all' : 'some';
}

/** Callbacks are a list of handlers, or a manager of them. */
function withHandler(callbacks: unknown, handler: GraphEvents): unknown {
  if (callbacks === undefined || callbacks === null) return [handler];
  if (Array.isArray(callbacks)) return [...callbacks, handler];
  const manager = (callbacks as { copy(): { addHandler(handler: unknown, isInherited: boolean): void } }).copy();
  manager.addHandler(handler, true);
  return manager;
}

function nameOf(graph: RunnableGraph): string {
  const { name } = graph as { name?: unknown };
  return typeof name === 'string' && name !== '' ? name : 'graph';
}

function checkGraph(graph: unknown): void {
  const { invoke, stream } = (graph ?? {}) as Partial<RunnableGraph>;
  if (typeof invoke === 'function' && typeof stream === 'function') return;
  throw new TypeError(`${where}: graph must be a compiled graph, not ${kindOf(graph)}`);
}

function checkOptions(options: SuperviseGraphOptions): void {
  checkOptionNames(where, options, OPTIONS);
  const { publisher, tasks, checkpointer, store, events = {} } = options;
  if (typeof publisher?.publish !== 'function' || typeof publisher.close !== 'function') {
    throw new TypeError(`${where}: publisher must be a publisher, not ${kindOf(publisher)}`);
  }
  if (tasks !== undefined && typeof tasks?.close !== 'function') {
    throw new TypeError(`${where}: tasks must be BackgroundTasks, not ${kindOf(tasks)}`);
  }
  for (const [name, thing] of Object.entries({ checkpointer, store })) {
    if (thing !== undefined && (typeof thing !== 'object' || thing === null)) {
      throw new TypeError(`${where}: ${name} must be an object, not ${kindOf(thing)}`);
    }
  }
  checkOwner(where, options.scope);
  checkCallback(where, 'onFailure', options.onFailure);
  optionalText(where, 'name', options.name);
  oneOf(where, 'publishFailures', options.publishFailures ?? 'ignore', ['ignore', 'fail-run']);
  checkOptionNames(`${where}, events`, events, ['llmTokens', 'data']);
  optionalFlag(where, 'events.llmTokens', events.llmTokens);
  optionalFlag(where, 'events.data', events.data);
}

function checkedConfig(config: unknown): GraphConfig {
  if (config === undefined) return {};
  if (typeof config !== 'object' || config === null) {
    throw new TypeError(`${where}: config must be an object, not ${kindOf(config)}`);
  }
  const { runId, signal } = config as GraphConfig;
  optionalText(where, 'config.runId', runId);
  checkSignal(where, signal);
  return config;
}
