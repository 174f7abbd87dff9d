import { randomBytes } from 'node:crypto';
import { kindOf } from '../core/index.js';
import { invalidEventError } from './publish-errors.js';

/** What an event is about. */
export const EVENTS = ['graph_execution', 'node_execution', 'llm_call', 'tool_execution', 'streaming'] as const;
/** Where in its course it is. */
export const EVENT_TYPES = ['start', 'progress', 'result', 'end', 'update', 'error', 'interrupted'] as const;
/** What it carries. */
export const CONTENT_TYPES = [
  'text',
  'message',
  'reasoning',
  'tool_call',
  'tool_result',
  'image',
  'audio',
  'video',
  'document',
  'data',
  'state',
  'update',
  'error',
] as const;

/** Version of the schema below; a consumer that meets a higher one knows that fields were added or changed. */
export const EVENT_VERSION = 1;

/** One event as it is published. Every field is plain data. */
export interface PublishedEvent {
  /** Names the event once and for all: what arrives twice has the same. 1 to 128 of `A-Z a-z 0-9 . _ : -`. */
  readonly id: string;
  readonly version: typeof EVENT_VERSION;
  readonly event: (typeof EVENTS)[number];
  readonly eventType: (typeof EVENT_TYPES)[number];
  /** When it happened: ms since 1970, of this event and no other. */
  readonly timestamp: number;
  /** 0, 1, 2 … within its run, as published. */
  readonly sequence: number;
  readonly runId: string;
  readonly threadId?: string;
  readonly userId?: string;
  readonly nodeName?: string;
  readonly content?: string;
  readonly contentBlocks?: readonly unknown[];
  readonly contentType?: readonly (typeof CONTENT_TYPES)[number][];
  readonly data?: unknown;
  readonly isError?: boolean;
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** W3C Trace Context: `00-<32 hex>-<16 hex>-<2 hex>`. */
  readonly traceparent?: string;
}

/** What is given to `publish`: `event` and `eventType`; the rest is filled in. */
export type EventInput = Pick<PublishedEvent, 'event' | 'eventType'> & Partial<PublishedEvent>;

/** As W3C Trace Context has it. */
export function isTraceparent(value: unknown): value is string {
  return typeof value === 'string' && TRACEPARENT.test(value);
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The run of an event that names none. */
const NO_RUN = 'none';
/** Letters that no encoding escapes, so that ids stand in bodies, headers and logs as they are. */
const ID = /^[\w.:-]{1,128}$/;
// W3C Trace Context, level 1, section 3.2.
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;
/** An id of a run also orders and routes: longer ones would be cut by no broker, but by our buffer. */
const LONGEST_RUN_ID_BYTES = 255;
/** At least so many runs that spoke last have their number known, and at most twice; a forgotten one begins at 0 again. */
const MOST_RUNS = 10_000;

const FIELDS = new Set([
  'id',
  'version',
  'event',
  'eventType',
  'timestamp',
  'sequence',
  'runId',
  'threadId',
  'userId',
  'nodeName',
  'content',
  'contentBlocks',
  'contentType',
  'data',
  'isError',
  'metadata',
  'traceparent',
]);

/** Fills in what an event lacks: id, time, run, and its number within the run. */
export class EventStamp {
  /** Of runs that are remembered; for those who look from outside whether this grows for good. */
  readonly limit = MOST_RUNS;
  readonly #prefix = randomBytes(9).toString('base64url');
  /** Next numbers. Two generations: what is not asked for while one fills goes with it, and no event has to reorder a map. */
  #sequences = new Map<string, number>();
  #earlier = new Map<string, number>();
  #count = 0;

  /** @throws WatertightError WT_PUBLISH_INVALID_EVENT naming the field. Cost: 0.4 µs. */
  complete(input: EventInput): PublishedEvent {
    check(input);
    const { id, runId = NO_RUN, timestamp, sequence } = input;
    const event: Mutable<PublishedEvent> = {
      id: id ?? `${this.#prefix}-${(this.#count++).toString(36)}`,
      version: EVENT_VERSION,
      event: input.event,
      eventType: input.eventType,
      timestamp: timestamp ?? Date.now(),
      sequence: sequence ?? this.#next(runId),
      runId,
    };
    // One by one: a spread of unknown shape costs 4 µs.
    const { threadId, userId, nodeName, content, contentBlocks, contentType, data, isError, metadata, traceparent } =
      input;
    if (threadId !== undefined) event.threadId = threadId;
    if (userId !== undefined) event.userId = userId;
    if (nodeName !== undefined) event.nodeName = nodeName;
    if (content !== undefined) event.content = content;
    if (contentBlocks !== undefined) event.contentBlocks = contentBlocks;
    if (contentType !== undefined) event.contentType = contentType;
    if (data !== undefined) event.data = data;
    if (isError !== undefined) event.isError = isError;
    if (metadata !== undefined) event.metadata = metadata;
    if (traceparent !== undefined) event.traceparent = traceparent;
    return event;
  }

  /** The event was refused before it was accepted: its number is the next one's. */
  takeBack({ runId, sequence }: PublishedEvent): void {
    const known = this.#sequences.has(runId) ? this.#sequences : this.#earlier;
    if (known.get(runId) === sequence + 1) known.set(runId, sequence);
  }

  #next(runId: string): number {
    const sequence = this.#sequences.get(runId) ?? this.#earlier.get(runId) ?? 0;
    this.#sequences.set(runId, sequence + 1);
    if (this.#sequences.size === this.limit) {
      this.#earlier = this.#sequences;
      this.#sequences = new Map();
    }
    return sequence;
  }
}

function check(input: EventInput): void {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw invalidEventError('event', `must be an object, not ${kindOf(input)}`);
  }
  for (const field in input) {
    if (!FIELDS.has(field))
      throw invalidEventError(field, `is no field of an event; there are ${[...FIELDS].join(', ')}`);
  }
  const { event, eventType, id, runId, timestamp, sequence, contentType, traceparent } = input;
  if (!EVENTS.includes(event))
    throw invalidEventError('event', `must be one of ${EVENTS.join(', ')}, not ${kindOf(event)}`);
  if (!EVENT_TYPES.includes(eventType)) {
    throw invalidEventError('eventType', `must be one of ${EVENT_TYPES.join(', ')}, not ${kindOf(eventType)}`);
  }
  if (id !== undefined && !(typeof id === 'string' && ID.test(id))) {
    throw invalidEventError('id', `must be 1 to 128 of A-Z a-z 0-9 . _ : -, not ${kindOf(id)}`);
  }
  if (runId !== undefined && !(typeof runId === 'string' && Buffer.byteLength(runId) <= LONGEST_RUN_ID_BYTES)) {
    throw invalidEventError('runId', `must be a text of at most ${LONGEST_RUN_ID_BYTES} bytes, not ${kindOf(runId)}`);
  }
  if (timestamp !== undefined && !(typeof timestamp === 'number' && timestamp >= 0 && timestamp < Infinity)) {
    throw invalidEventError('timestamp', `must be ms since 1970, not ${kindOf(timestamp)}`);
  }
  if (sequence !== undefined && !(Number.isSafeInteger(sequence) && sequence >= 0)) {
    throw invalidEventError('sequence', `must be a whole number from 0, not ${kindOf(sequence)}`);
  }
  if (traceparent !== undefined && !isTraceparent(traceparent)) {
    throw invalidEventError(
      'traceparent',
      `must be as W3C Trace Context has it (00-…-…-01), not ${kindOf(traceparent)}`,
    );
  }
  for (const field of ['threadId', 'userId', 'nodeName', 'content'] as const) {
    const value = input[field];
    if (value !== undefined && typeof value !== 'string') {
      throw invalidEventError(field, `must be a text, not ${kindOf(value)}`);
    }
  }
  if (contentType !== undefined) {
    if (!Array.isArray(contentType))
      throw invalidEventError('contentType', `must be an array, not ${kindOf(contentType)}`);
    for (const type of contentType) {
      if (!CONTENT_TYPES.includes(type)) {
        throw invalidEventError('contentType', `must hold ${CONTENT_TYPES.join(', ')}, not ${kindOf(type)}`);
      }
    }
  }
  if (input.contentBlocks !== undefined && !Array.isArray(input.contentBlocks)) {
    throw invalidEventError('contentBlocks', `must be an array, not ${kindOf(input.contentBlocks)}`);
  }
  if (input.isError !== undefined && typeof input.isError !== 'boolean') {
    throw invalidEventError('isError', `must be a boolean, not ${kindOf(input.isError)}`);
  }
}
