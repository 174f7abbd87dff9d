import type { JetStreamManager, StreamConfig } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { connectError, noClientError, noDestinationError, refusedError } from './publish-errors.js';

export interface NatsStreamWish {
  readonly subject: string;
  /** Undefined: whichever takes the subject. */
  readonly stream: string | undefined;
  /** Whether it is made when no stream takes the subject. */
  readonly declare: boolean;
  /** How long a stream that is made remembers message ids. */
  readonly duplicateWindowMs: number;
}

/** What the server calls a stream that is there already, with another configuration: somebody else has just made it. */
const NAME_IN_USE = 10_058;
const NANOS = 1e6;

/**
 * Looks for the stream that takes the subject; makes it, on disk, when there is none and it is to be declared.
 * @throws WatertightError WT_PUBLISH_NO_DESTINATION, WT_PUBLISH_CONNECT_PROTOCOL when the server has no JetStream, WT_PUBLISH_REFUSED; what the client throws
 */
export async function requireStream(
  nc: NatsConnection,
  target: string,
  wish: NatsStreamWish,
  timeoutMs: number,
): Promise<void> {
  const { jetstreamManager } = await import('@nats-io/jetstream').catch((error) => {
    throw noClientError('@nats-io/jetstream', error);
  });
  const manager = await jetstreamManager(nc, { checkAPI: false, timeout: timeoutMs });
  const { subject, stream, declare } = wish;
  const found = await streamOf(manager, target, subject);
  if (found !== undefined && (stream === undefined || found === stream)) return;
  if (found !== undefined) throw noDestinationError(target, `stream for ${subject} named`, `${stream}, but ${found}`);
  if (!declare) throw noDestinationError(target, 'stream', stream ?? `for ${subject}`);
  await make(manager, target, wish);
}

async function streamOf(manager: JetStreamManager, target: string, subject: string): Promise<string | undefined> {
  try {
    return await manager.streams.find(subject);
  } catch (error) {
    const { name } = error as Error;
    if (name === 'StreamNotFoundError') return undefined;
    if (name !== 'JetStreamNotEnabled') throw answered(target, error);
    const hint = "start the server with JetStream (nats-server -js), or give mode: 'core'";
    throw connectError('WT_PUBLISH_CONNECT_PROTOCOL', target, 'it has no JetStream', hint, error);
  }
}

async function make(manager: JetStreamManager, target: string, wish: NatsStreamWish): Promise<void> {
  const { subject, stream = streamNameFor(subject), duplicateWindowMs } = wish;
  const config: Partial<StreamConfig> & { name: string } = {
    name: stream,
    subjects: [subject],
    storage: 'file',
    duplicate_window: duplicateWindowMs * NANOS,
  };
  try {
    await manager.streams.add(config);
  } catch (error) {
    if ((error as { code?: unknown }).code !== NAME_IN_USE) throw answered(target, error);
    if ((await streamOf(manager, target, subject)) === stream) return;
    throw noDestinationError(target, `subject ${subject} in the stream`, stream, error);
  }
}

/** It is an answer, and no fault of the connection. */
function answered(target: string, error: unknown): unknown {
  const { name, message } = error as Error;
  return name === 'JetStreamApiError' ? refusedError(target, message, error) : error;
}

/** Names of streams have no dots. */
function streamNameFor(subject: string): string {
  return subject.replace(/[^\w-]/g, '_');
}
