// What a broker has to offer to be published to. Everything else (limits, order, retries, deadlines, closing) is the
// delivery's, the same for all of them.
import type { FailedOutcome } from './publish-errors.js';

/** One event on its way. */
export interface Outgoing {
  readonly id: string;
  /** Events of one key stay in order; the key chooses the partition. */
  readonly key: string;
  /** Good until the promise of `send` settles: copied by who keeps it. */
  readonly body: Buffer;
  /** The body as a text, for JSON. */
  readonly text: string;
  /** It may be there already: sent before, and not confirmed. */
  readonly isRedelivery: boolean;
}

/** Why one event was not stored. */
export interface SendFailure {
  readonly error: unknown;
  readonly outcome: FailedOutcome;
  /** Whether the same event may be taken later. */
  readonly canRetry: boolean;
}

export interface ConnectOptions {
  readonly timeoutMs: number;
  /** Called at most once, when the connection was made and has ended by itself. */
  readonly onLost: (error: unknown) => void;
}

export interface Transport {
  /** `redis-stream`, `kafka` …: for messages and metrics. */
  readonly kind: string;
  /** Where to, without a password: `redis://127.0.0.1:6379 events`. */
  readonly target: string;
  /** Published and heard by nobody, where that is known. */
  readonly unheard?: number;
  /** The broker lives and takes nothing for now: why. Nothing is sent meanwhile, and silence is no fault. */
  readonly heldBack?: Error | undefined;
  /** One connection, made anew; never more than one at a time. Rejects with `WT_PUBLISH_CONNECT_*`; what it took is released then. */
  connect(options: ConnectOptions): Promise<void>;
  /**
   * Events of one lane, in order. Resolves when all are stored, or with a failure for each that is not (undefined for those
   * that are); rejects when nothing is known of any: they are sent again.
   * Never called twice at once with events of one key.
   */
  send(batch: readonly Outgoing[]): Promise<readonly (SendFailure | undefined)[] | undefined>;
  /** An orderly end of the connection; may hang. */
  disconnect(): Promise<void>;
  /** The end of the connection, at once; nothing of it is left that keeps the process alive. Also while it connects. */
  destroy(): void;
}

/** An error that no later attempt would mend: a wrong password, say. Its events fail at once. */
export function isFinal(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && FINAL_CODES.has(code);
}

const FINAL_CODES = new Set([
  'WT_PUBLISH_CONNECT_AUTH',
  'WT_PUBLISH_CONNECT_TLS',
  'WT_PUBLISH_CONNECT_PROTOCOL',
  'WT_PUBLISH_CONNECT_URL',
  'WT_PUBLISH_NO_CLIENT',
  'WT_PUBLISH_POOL_FULL',
  'WT_PUBLISH_NO_DESTINATION',
  'WT_PUBLISH_TOO_LARGE',
]);
