import { type Channel, connect } from 'amqplib';
import type { EventInput } from '../../src/publish/index.js';
import type { RabbitBroker } from '../brokers/index.js';

/** As an operator does it: beside what is tested. */
export async function administer<T>(broker: RabbitBroker, work: (channel: Channel) => Promise<T>): Promise<T> {
  const connection = await connect(broker.url);
  try {
    return await work(await connection.createChannel());
  } finally {
    await connection.close();
  }
}

/** A durable queue that gets all of a durable topic exchange. */
export function bind(
  broker: RabbitBroker,
  exchange: string,
  queue: string,
  options: Record<string, unknown> = {},
): Promise<unknown> {
  return administer(broker, async (channel) => {
    await channel.assertExchange(exchange, 'topic', { durable: true });
    await channel.assertQueue(queue, { durable: true, arguments: options });
    await channel.bindQueue(queue, exchange, '#');
  });
}

export function eventOf(runId: string, data: unknown = 'x'.repeat(100)): EventInput {
  return { event: 'llm_call', eventType: 'progress', runId, data };
}

/** What an operator's alarm does to those who publish, and how it ends. */
export const alarm = {
  raise: (broker: RabbitBroker) => broker.ctl('set_vm_memory_high_watermark', 'absolute', '1MB'),
  clear: (broker: RabbitBroker) => broker.ctl('set_vm_memory_high_watermark', '0.4'),
};
