import { checkCallback, checkOptionNames, checkOwner, checkSignal, kindOf, type Owner } from '../core/index.js';
import type { BackgroundTasks } from '../tasks/index.js';
import type { PartReport, PartStatus } from './close-parts.js';
import type { GraphConfig, GraphRunInfo } from './graph-run.js';
import { oneOf, optionalFlag, optionalText, wholeNumber } from './option-checks.js';
import type { Publisher } from './publisher.js';

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

/** What is left of the options once they are checked and filled in. */
export interface GraphSettings {
  readonly name: string;
  readonly maxRuns: number;
  readonly maxUnconfirmed: number;
  readonly maxChunks: number;
  readonly failsRun: boolean;
  readonly withTokens: boolean;
  readonly withData: boolean;
}

const where = 'superviseGraph()';
/** More than any machine holds. */
const MOST = 1_000_000;

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

/** @throws TypeError, RangeError naming the option */
export function graphSettings(graph: RunnableGraph, options: SuperviseGraphOptions): GraphSettings {
  checkGraph(graph);
  checkOptions(options);
  const { maxConcurrentRuns = 256, maxUnconfirmedEvents = 64, maxBufferedChunks = 16, events = {} } = options;
  return {
    name: options.name ?? nameOf(graph),
    maxRuns: wholeNumber(where, 'maxConcurrentRuns', maxConcurrentRuns, 1, MOST),
    maxUnconfirmed: wholeNumber(where, 'maxUnconfirmedEvents', maxUnconfirmedEvents, 1, MOST),
    maxChunks: wholeNumber(where, 'maxBufferedChunks', maxBufferedChunks, 1, MOST),
    failsRun: options.publishFailures === 'fail-run',
    withTokens: events.llmTokens ?? false,
    withData: events.data ?? true,
  };
}

/** What a run is given by its caller, as far as it matters here. @throws TypeError */
export function checkedConfig(config: unknown): GraphConfig {
  if (config === undefined) return {};
  if (typeof config !== 'object' || config === null) {
    throw new TypeError(`${where}: config must be an object, not ${kindOf(config)}`);
  }
  const { runId, signal } = config as GraphConfig;
  optionalText(where, 'config.runId', runId);
  checkSignal(where, signal);
  return config;
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

function nameOf(graph: RunnableGraph): string {
  const { name } = graph as { name?: unknown };
  return typeof name === 'string' && name !== '' ? name : 'graph';
}
