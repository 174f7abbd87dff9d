import type { NatsBroker } from './nats-broker.js';
import { type NatsMessage, NatsSocket } from './nats-socket.js';
import type { OnMessage, Received, Unsubscribe } from './received.js';

/** Messages a pull: the next is asked for when all have come. */
const BATCH = 1_000;

interface ApiReply {
  readonly error?: { readonly code: number; readonly description: string };
  readonly streams?: readonly string[];
  readonly name?: string;
}

/** For a subject where nobody is who would answer. */
const NO_STREAM: ApiReply = { error: { code: 503, description: 'no stream has that subject' } };

/** A stream on disk that stores what is published to these subjects. */
export function createNatsStream(broker: NatsBroker, name: string, ...subjects: string[]): Promise<void> {
  return connected(broker, async (nats) => {
    await ask(nats, `STREAM.CREATE.${name}`, { name, subjects, storage: 'file' });
  });
}

/** Stored when this returns. @throws when no stream has that subject */
export function produceToNats(
  broker: NatsBroker,
  subject: string,
  body: string,
  headers: Record<string, string> = {},
): Promise<void> {
  return connected(broker, async (nats) => {
    const stored = await nats.request(subject, body, headers);
    const { error } = stored.status === undefined ? (JSON.parse(stored.body) as ApiReply) : NO_STREAM;
    if (error !== undefined) throw new Error(`NATS has not stored on ${subject}: ${error.description}`);
  });
}

/** To whoever listens now, and nobody else. */
export function publishToNats(broker: NatsBroker, subject: string, ...bodies: string[]): Promise<void> {
  return connected(broker, (nats) => {
    for (const body of bodies) nats.publish(subject, body);
    return nats.flush();
  });
}

/** All messages on a subject of a stream, oldest first; none when no stream has that subject. */
export function readNatsStream(broker: NatsBroker, subject: string): Promise<Received[]> {
  return connected(broker, async (nats) => {
    const { streams } = await ask(nats, 'STREAM.NAMES', { subject });
    if (!streams?.[0]) return [];
    const config = { deliver_policy: 'all', ack_policy: 'none', filter_subject: subject, inactive_threshold: 60e9 };
    const consumer = await ask(nats, `CONSUMER.CREATE.${streams[0]}`, { stream_name: streams[0], config });
    return pull(nats, `$JS.API.CONSUMER.MSG.NEXT.${streams[0]}.${consumer.name}`);
  });
}

/** What is published on a subject, from the return of this function. */
export async function listenToNats(broker: NatsBroker, subject: string, onMessage: OnMessage): Promise<Unsubscribe> {
  const nats = await NatsSocket.connect(broker.port);
  nats.subscribe(subject, ({ body, headers }) => onMessage({ body, headers }));
  await nats.flush();
  return async () => nats.close();
}

/** Until the consumer says that there is no more: a message of status 404, or 408 at the end of a batch that was not full. */
async function pull(nats: NatsSocket, subject: string): Promise<Received[]> {
  const found: Received[] = [];
  let onMessage = (_: NatsMessage) => {};
  const inbox = nats.inbox();
  nats.subscribe(inbox, (message) => onMessage(message));
  for (let isLast = false; !isLast; ) {
    const wanted = found.length + BATCH;
    const batch = new Promise<boolean>((resolve) => {
      onMessage = (message) => {
        if (message.status !== undefined) resolve(true);
        else if (found.push(received(message)) === wanted) resolve(false);
      };
    });
    nats.publish(subject, JSON.stringify({ batch: BATCH, no_wait: true }), {}, inbox);
    isLast = await nats.answer(subject, batch);
  }
  return found;
}

/** The address of an acknowledgement tells the place: $JS.ACK.stream.consumer.deliveries.sequence.… */
function received({ replyTo, body, headers }: NatsMessage): Received {
  return { id: replyTo!.split('.')[5]!, body, headers };
}

async function ask(nats: NatsSocket, command: string, request: object): Promise<ApiReply> {
  const reply = JSON.parse((await nats.request(`$JS.API.${command}`, JSON.stringify(request))).body) as ApiReply;
  if (reply.error !== undefined) throw new Error(`JetStream refuses ${command}: ${reply.error.description}`);
  return reply;
}

async function connected<T>(broker: NatsBroker, work: (nats: NatsSocket) => Promise<T>): Promise<T> {
  const nats = await NatsSocket.connect(broker.port);
  try {
    return await work(nats);
  } finally {
    nats.close();
  }
}
