import { randomBytes } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { monotonicMs } from '../core/index.js';
import { type EventInput, isTraceparent } from './event.js';
import { plainData } from './plain-data.js';
import type { Publisher } from './publisher.js';

/**
 * Most characters of state in one event: as six bytes each (JSON's longest escape) they stay below the 1,000,000 bytes that
 * publishers take by default.
 */
const MOST_DATA_CHARS = 128 * 1024;

/** Who ended a run before its end. */
export type StoppedBy = 'stop' | 'interrupt' | 'close' | 'reader' | 'signal' | 'publish';

/** What of a langgraph config matters here. */
export interface GraphConfig {
  readonly runId?: string;
  readonly signal?: AbortSignal;
  readonly configurable?: Readonly<Record<string, unknown>>;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly callbacks?: unknown;
  readonly control?: { requestDrain(reason?: string): void };
  readonly streamMode?: unknown;
  readonly subgraphs?: boolean;
  readonly encoding?: unknown;
  readonly writer?: unknown;
}

/** A run that is there. */
export interface GraphRunInfo {
  readonly runId: string;
  readonly threadId: string | undefined;
  readonly userId: string | undefined;
  readonly ageMs: number;
  /** Nodes that run now, those of subgraphs among them. */
  readonly nodes: readonly string[];
  /** `held`: a node waits to start until the reader or the publisher has caught up. */
  readonly state: 'running' | 'held' | 'interrupting' | 'stopping';
  /** Events on their way to the publisher. */
  readonly unconfirmed: number;
}

/** What all runs of a supervisor share. */
export interface GraphRunSettings {
  readonly publisher: Publisher;
  readonly maxUnconfirmed: number;
  readonly withData: boolean;
  readonly onPublished: () => void;
  readonly onPublishFailure: (run: GraphRun, error: Error) => void;
}

/** Fields of an event that its run does not know by itself. */
export type RunEvent = Pick<
  EventInput,
  'event' | 'eventType' | 'nodeName' | 'content' | 'contentType' | 'data' | 'isError' | 'metadata'
>;

/** One run of a graph: who it is, its events in their order, and what holds it back. */
export class GraphRun {
  readonly runId: string;
  readonly threadId: string | undefined;
  readonly userId: string | undefined;
  readonly traceparent: string;
  readonly #startedAt = monotonicMs();
  readonly #settings: GraphRunSettings;
  readonly #controller = new AbortController();
  readonly #control: { requestDrain(reason?: string): void };
  readonly #userSignal: AbortSignal | undefined;
  readonly #onUserAbort: () => void;
  #sequence = 0;
  #unconfirmed = 0;
  #held = 0;
  /** Nodes that were let in, and have not published their start yet. */
  #entering = 0;
  #wakes: (() => void)[] = [];
  #isEnded = false;
  #end!: () => void;
  #abandon!: () => void;
  /** Resolves after the last event of the run was handed to the publisher. */
  readonly ended: Promise<void>;
  /** Resolves when nobody waits for the graph any more. */
  readonly abandoned: Promise<void>;
  /** Those that run, by the id of their callback. */
  readonly nodes = new Map<string, string>();
  /** Nodes that ran when the run was told to stop: langgraph does not wait for them. */
  nodesAtStop: readonly string[] = [];
  stoppedBy: StoppedBy | undefined;
  /** `interrupted`: between two steps. `stopped`: within one, or given up. */
  outcome: 'ended' | 'interrupted' | 'stopped' | undefined;
  stopReason: unknown;
  /** The graph itself has stopped, to be resumed. */
  interrupts: unknown[] | undefined;
  /** As langgraph tells it at the end. */
  output: unknown;
  firstFailure: Error | undefined;
  /** Whether chunks wait for the reader; none without one. */
  isReaderFull: (() => boolean) | undefined;

  constructor(runId: string, config: GraphConfig, settings: GraphRunSettings) {
    this.runId = runId;
    this.#settings = settings;
    const { thread_id, user_id, traceparent } = config.configurable ?? {};
    this.threadId = textOf(thread_id);
    this.userId = textOf(user_id);
    const given = traceparent ?? config.metadata?.traceparent;
    this.traceparent = isTraceparent(given) ? given : newTraceparent();
    this.#control = config.control ?? new Drain();
    this.#userSignal = config.signal;
    this.#onUserAbort = () => this.stop('signal', config.signal?.reason);
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.abandoned = new Promise((resolve) => {
      this.#abandon = resolve;
    });
    if (config.signal?.aborted) this.#onUserAbort();
    else config.signal?.addEventListener('abort', this.#onUserAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** What langgraph asks between its steps. */
  get control(): object {
    return this.#control;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  get ageMs(): number {
    return monotonicMs() - this.#startedAt;
  }

  info(): GraphRunInfo {
    const { runId, threadId, userId, ageMs, signal } = this;
    const isInterrupting = this.stoppedBy !== undefined;
    const state = signal.aborted ? 'stopping' : isInterrupting ? 'interrupting' : this.#held > 0 ? 'held' : 'running';
    return { runId, threadId, userId, ageMs, nodes: [...this.nodes.values()], state, unconfirmed: this.#unconfirmed };
  }

  /** Publishes what has happened; its number and time are of now. Nothing comes after the last event. */
  emit(event: RunEvent): void {
    if (this.#isEnded) return;
    const { runId, threadId, userId, traceparent } = this;
    const { withData } = this.#settings;
    const data = withData && event.data !== undefined ? plainData(event.data, MOST_DATA_CHARS) : undefined;
    const content =
      (withData || event.isError === true) && event.content !== undefined
        ? (plainData(event.content, MOST_DATA_CHARS) as string)
        : undefined;
    const sequence = this.#sequence++;
    this.#publish({ ...event, data, content, runId, threadId, userId, traceparent, sequence, timestamp: Date.now() });
  }

  /** The last event; then the run is over. */
  end(event: RunEvent): void {
    if (this.#isEnded) return;
    this.emit(event);
    this.#isEnded = true;
    this.#userSignal?.removeEventListener('abort', this.#onUserAbort);
    this.#wake();
    this.#end();
  }

  /** Tells the graph to stop before its next step, with its checkpoint kept. */
  interrupt(by: StoppedBy, reason: unknown): void {
    this.stoppedBy ??= by;
    this.stopReason ??= reason;
    this.#control.requestDrain(typeof reason === 'string' ? reason : by);
    this.#wake();
  }

  /** Tells the graph and its nodes to stop now. */
  stop(by: StoppedBy, reason: unknown): void {
    if (this.signal.aborted || this.#isEnded) return;
    this.stoppedBy ??= by;
    this.stopReason ??= reason;
    this.nodesAtStop = [...this.nodes.values()];
    this.#controller.abort(reason);
    this.#wake();
  }

  /** Nobody waits for the graph any more. */
  abandon(): void {
    this.#abandon();
  }

  /**
   * Before a node starts: waits while too many events are not confirmed, or too many chunks wait for the reader. Of a
   * run that was told to stop it never resolves, so that nothing new begins; langgraph does not wait for it then.
   */
  async enter(): Promise<void> {
    // Chunks that the step before has written are still on their way through langgraph's streams, which are microtasks.
    if (this.isReaderFull) await nextTurn();
    await this.room();
    if (this.signal.aborted) await new Promise<never>(() => {});
    this.#entering++;
  }

  /** It has started, and is about to say so. */
  entered(callId: string, nodeName: string): void {
    this.#entering--;
    this.nodes.set(callId, nodeName);
  }

  /** Waits for the same; resolves at once in a run that was told to stop. */
  async room(): Promise<void> {
    while (this.#isFull() && !this.signal.aborted && !this.#isEnded) {
      this.#held++;
      await new Promise<void>((resolve) => this.#wakes.push(resolve));
      this.#held--;
    }
  }

  /** The reader has taken a chunk. */
  wakeReader(): void {
    this.#wake();
  }

  /** Waits until the publisher has told of each event what became of it. @throws the first failure; why it was stopped */
  async confirmed(): Promise<void> {
    while (this.#unconfirmed > 0 && (this.#isEnded || !this.signal.aborted)) {
      await new Promise<void>((resolve) => this.#wakes.push(resolve));
    }
    if (this.firstFailure) throw this.firstFailure;
    if (!this.#isEnded) this.signal.throwIfAborted();
  }

  #isFull(): boolean {
    return this.#unconfirmed + this.#entering >= this.#settings.maxUnconfirmed || this.isReaderFull?.() === true;
  }

  #wake(): void {
    for (const resolve of this.#wakes.splice(0)) resolve();
  }

  #publish(event: EventInput): void {
    this.#unconfirmed++;
    published(this.#settings.publisher, event).then(
      () => this.#settled(() => this.#settings.onPublished()),
      (error) => this.#settled(() => this.#notPublished(event, error)),
    );
  }

  #settled(tell: () => void): void {
    tell();
    this.#unconfirmed--;
    this.#wake();
  }

  /** An event that is refused for what it carries is sent without: a hole in the numbers would look like a loss. */
  #notPublished(event: EventInput, error: Error & { code?: string }): void {
    const isTooMuch = error.code === 'WT_PUBLISH_TOO_LARGE' || error.code === 'WT_PUBLISH_NOT_ENCODABLE';
    if (isTooMuch && (event.data !== undefined || event.content !== undefined)) {
      const metadata = { ...event.metadata, omitted: error.code };
      this.#publish({ ...event, data: undefined, content: undefined, contentType: undefined, metadata });
      return;
    }
    this.firstFailure ??= error;
    this.#settings.onPublishFailure(this, error);
  }
}

/** What langgraph's `RunControl` has: asked for between two steps. */
class Drain {
  #reason: string | undefined;

  get drainRequested(): boolean {
    return this.#reason !== undefined;
  }

  get drainReason(): string | undefined {
    return this.#reason;
  }

  requestDrain(reason = 'shutdown'): void {
    this.#reason ??= reason;
  }
}

/** A publisher keeps its contract and never throws; one that was not written here might. */
async function published(publisher: Publisher, event: EventInput): Promise<void> {
  await publisher.publish(event);
}

function textOf(id: unknown): string | undefined {
  return typeof id === 'string' ? id : typeof id === 'number' ? String(id) : undefined;
}

/** W3C Trace Context, level 1, section 3.2: version 00, sampled. */
function newTraceparent(): string {
  return `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`;
}
