import { type Channel, type ChannelModel, connect, type Message } from 'amqplib';
import type { RabbitBroker } from './rabbit-broker.js';
import type { OnMessage, Received, Unsubscribe } from './received.js';

/** Durable, and the message on disk when this returns. By amqplib, which is no client of ours. */
export async function produceToRabbit(
  broker: RabbitBroker,
  queue: string,
  body: string,
  properties: { readonly messageId?: string; readonly headers?: Record<string, string> } = {},
): Promise<void> {
  await connected(broker, async (connection) => {
    const channel = await connection.createConfirmChannel();
    await channel.assertQueue(queue, { durable: true });
    channel.sendToQueue(queue, Buffer.from(body), { ...properties, persistent: true });
    await channel.waitForConfirms();
  });
}

/** All messages of a queue, oldest first. They stay there, marked as redelivered. @throws when there is no such queue */
export async function readRabbitQueue(broker: RabbitBroker, queue: string): Promise<Received[]> {
  return connected(broker, async (connection) => {
    const channel = await openChannel(connection);
    const messages: Received[] = [];
    for (;;) {
      const message = await channel.get(queue);
      // What nobody has acknowledged goes back when the connection closes.
      if (message === false) return messages;
      messages.push(parse(message));
    }
  });
}

/** What comes to a queue, taken out of it, from the return of this function. */
export async function consumeRabbit(broker: RabbitBroker, queue: string, onMessage: OnMessage): Promise<Unsubscribe> {
  const connection = await connect(broker.url);
  connection.on('error', () => {});
  try {
    const channel = await openChannel(connection);
    await channel.consume(queue, (message) => message && onMessage(parse(message)), { noAck: true });
  } catch (error) {
    await connection.close();
    throw error;
  }
  return async () => {
    // It is closed already when the broker has gone.
    await connection.close().catch(() => {});
  };
}

async function connected<T>(broker: RabbitBroker, work: (connection: ChannelModel) => Promise<T>): Promise<T> {
  const connection = await connect(broker.url);
  connection.on('error', () => {});
  try {
    return await work(connection);
  } finally {
    await connection.close().catch(() => {});
  }
}

/** A channel whose failure rejects the call that has caused it, and nothing else. */
async function openChannel(connection: ChannelModel): Promise<Channel> {
  const channel = await connection.createChannel();
  channel.on('error', () => {});
  return channel;
}

function parse({ content, properties }: Message): Received {
  const headers = Object.entries(properties.headers ?? {}).map(([name, value]) => [name, String(value)]);
  const id = properties.messageId as string | undefined;
  return { ...(id !== undefined && { id }), body: content.toString(), headers: Object.fromEntries(headers) };
}
