import { type Broker, KafkaBroker, NatsBroker, RabbitBroker, RedisBroker } from '../../test/brokers/index.js';

export type BenchBroker = Broker;

/** A broker of its own for a bench, ended with it. */
export async function startBroker(kind: Broker['kind']): Promise<BenchBroker> {
  if (kind === 'redis') return RedisBroker.start();
  if (kind === 'nats') return NatsBroker.start();
  if (kind === 'kafka') return KafkaBroker.start();
  return RabbitBroker.start();
}
