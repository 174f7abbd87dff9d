import { randomUUID } from 'node:crypto';
import { errorText, kindOf, monotonicMs, type Owned } from '../core/index.js';
import { closeParts, worstOf } from './close-parts.js';
import { closeWithScope } from './close-with-scope.js';
import { graphParts } from './graph-close.js';
import { ownConfig } from './graph-config.js';
import { GraphEvents } from './graph-events.js';
import {
  checkedConfig,
  type GraphCloseReport,
  type GraphSettings,
  type GraphStats,
  graphSettings,
  type RunnableGraph,
  type SuperviseGraphOptions,
} from './graph-options.js';
import { type GraphConfig, GraphRun, type GraphRunInfo } from './graph-run.js';
import { GraphStream } from './graph-stream.js';
import { wholeNumber } from './option-checks.js';
import { graphBusyError, graphClosedError, runStoppedError } from './publish-errors.js';
import type { CloseOptions } from './publisher.js';
import { tell } from './tell.js';

type Input<G extends RunnableGraph> = Parameters<G['invoke']>[0];
type Chunk<G extends RunnableGraph> = Awaited<ReturnType<G['stream']>> extends AsyncIterable<infer T> ? T : unknown;

const CLOSE_TIMEOUT_MS = 10_000;
const MOST_MS = 2 ** 31 - 1;

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
 * Cost: three events a node, some 0.4 ms of CPU, beside the 1.1 ms that langgraph takes for a node that does nothing.
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
  readonly #settings: GraphSettings;
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
    this.#settings = graphSettings(graph, options);
    this.#graph = graph;
    this.#options = options;
    this.name = this.#settings.name;
    this.#owned = closeWithScope(options.scope, this.name, this, async (timeoutMs) => {
      await this.close({ timeoutMs });
    });
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
    const work = () => this.#graph.invoke(input, this.#configOf(run, given).config as never);
    return this.#follow(run, work) as Promise<Awaited<ReturnType<G['invoke']>>>;
  }

  /**
   * As `graph.stream`, from the first `next()` on; fails as `invoke` does. The graph does not run ahead of its reader: a
   * node starts only while fewer than `maxBufferedChunks` wait. Leaving the loop stops the run.
   */
  stream(input: Parameters<G['stream']>[0], config?: Parameters<G['stream']>[1]): GraphStream<Chunk<G>> {
    const given = checkedConfig(config);
    let run: GraphRun | undefined;
    const stream: GraphStream<Chunk<G>> = new GraphStream(this.#settings.maxChunks, {
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
   * thread goes on. Needs a langgraph that looks at `config.control` (1.7 does; an older one goes on).
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
      : this.#runs.size >= this.#settings.maxRuns
        ? graphBusyError(this.name, this.#settings.maxRuns)
        : undefined;
    if (refusal) {
      this.#stats.refused++;
      throw refusal;
    }
    const runId = config.runId ?? randomUUID();
    if (this.#runs.has(runId))
      throw new RangeError(`${where}: runId must be new, and ${kindOf(runId)} is that of a run`);
    const run = new GraphRun(runId, config, {
      publisher: this.#options.publisher,
      maxUnconfirmed: this.#settings.maxUnconfirmed,
      withData: this.#settings.withData,
      onPublished: () => {
        this.#stats.published++;
      },
      onPublishFailure: (run, error) => this.#notPublished(run, error),
    });
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

  #configOf(run: GraphRun, given: GraphConfig) {
    return ownConfig(this.#graph, given, run, new GraphEvents(run, this.#settings.withTokens));
  }

  #read(run: GraphRun, stream: GraphStream<Chunk<G>>, input: unknown, config: GraphConfig): void {
    run.isReaderFull = () => stream.isFull;
    const reading = async () => {
      const own = this.#configOf(run, config);
      for await (const chunk of await this.#graph.stream(input as never, own.config as never)) {
        own.onChunk(chunk);
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
      if (this.#settings.failsRun) await run.confirmed();
      return value;
    };
    try {
      const value = await Promise.race([whole(), run.abandoned.then(() => Promise.reject(GIVEN_UP))]);
      this.#completed(run, value);
      if (this.#settings.failsRun) await run.confirmed();
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
    run.outcome = 'ended';
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
    const by = run.stoppedBy;
    const metadata = this.#endMetadata(run);
    if (by === undefined || by === 'publish') {
      run.outcome = 'ended';
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
    run.outcome = isResumable ? 'interrupted' : 'stopped';
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
    tell(this.name, this.#options.onFailure, { error, runId: run.runId, graph: this.name });
    if (this.#settings.failsRun) run.stop('publish', error);
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
    const parts = await closeParts(
      graphParts(this.#options, () => [...this.#runs.values()]),
      startedAt + timeoutMs,
    );
    this.#owned?.detach();
    return {
      status: worstOf(parts),
      durationMs: monotonicMs() - startedAt,
      parts,
      publishFailures: this.#stats.publishFailures,
    };
  }
}

const GIVEN_UP = new Error('given up');
