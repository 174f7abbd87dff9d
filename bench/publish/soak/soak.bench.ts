// Do the publishers leak, while their broker is there and while it is away?
// Run: npm run -s build && npx tsx bench/publish/soak/soak.bench.ts [kind ...]
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { jetstreamManager, StorageType } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import type { RabbitBroker } from '../../../test/brokers/index.js';
import { type Broker, freePort } from '../../../test/brokers/index.js';
import { bind } from '../../../test/publish/rabbitmq.fixture.js';
import { startBroker } from '../brokers.js';

const PROGRAM = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

interface Kind {
  readonly broker?: Broker['kind'];
  /** Of a URL that leads nowhere. */
  readonly scheme: string;
  /** So that the broker keeps a little only, and takes all. */
  readonly prepare?: (broker: Broker) => Promise<unknown>;
}

const KINDS: Record<string, Kind> = {
  'redis-stream': { broker: 'redis', scheme: 'redis://' },
  'redis-pubsub': { broker: 'redis', scheme: 'redis://' },
  nats: { broker: 'nats', scheme: 'nats://', prepare: limitedStream },
  'nats-core': { broker: 'nats', scheme: 'nats://' },
  kafka: { broker: 'kafka', scheme: '' },
  rabbitmq: {
    broker: 'rabbitmq',
    scheme: 'amqp://',
    prepare: (broker) => bind(broker as RabbitBroker, 'soak', 'soak', { 'x-max-length': 1_000 }),
  },
  console: { scheme: '' },
  composite: { broker: 'redis', scheme: 'redis://' },
};

interface Result {
  readonly verdict: string;
  readonly iterations: number;
  readonly durationMs: number;
  readonly gauges: readonly { name: string; unit: string; verdict: string; smallestDetectable: number }[];
  readonly leaks: readonly { kind: string; className: string; pathText: string; perIteration: number }[];
  readonly notes: readonly string[];
}

async function limitedStream({ url }: Broker): Promise<void> {
  const nc = await connect({ servers: [url.replace('nats://', '')] });
  const manager = await jetstreamManager(nc);
  await manager.streams.add({ name: 'SOAK', subjects: ['soak'], storage: StorageType.File, max_bytes: 16 * 2 ** 20 });
  await nc.close();
}

async function soak(kind: string, env: Record<string, string>): Promise<Result> {
  const file = fileURLToPath(new URL(`./${kind}.mjs`, import.meta.url));
  const child = spawn(process.execPath, [PROGRAM, 'soak', file, '--json', '-'], { env: { ...process.env, ...env } });
  let output = '';
  let progress = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (progress = (progress + text).slice(-2_000)));
  await new Promise((resolve) => child.once('close', resolve));
  if (output === '') throw new Error(`The soak of ${kind} gave no report:\n${progress}`);
  return JSON.parse(output) as Result;
}

let worst = 0;
function print(kind: string, state: string, { verdict, iterations, durationMs, gauges, leaks, notes }: Result): void {
  const heap = gauges.find(({ name }) => name.startsWith('heap'));
  const detects = heap ? `${heap.smallestDetectable.toFixed(1)} B an iteration` : '';
  const took = `${iterations} iterations in ${(durationMs / 1_000).toFixed(0)} s`;
  console.log(`${verdict.padEnd(10)} ${kind.padEnd(13)} ${state.padEnd(13)} ${took}, would show ${detects}`);
  for (const { kind, className, pathText, perIteration } of leaks) {
    console.log(`    ${kind} ${className}: ${pathText}, ${perIteration.toFixed(3)} an iteration`);
  }
  if (verdict === 'clean') return;
  worst = 1;
  for (const gauge of gauges) if (gauge.verdict !== 'clean') console.log(`    ${gauge.name}: ${gauge.verdict}`);
  for (const note of notes) console.log(`    ${note}`);
}

const wanted = process.argv.slice(2);
for (const kind of wanted.length > 0 ? wanted : Object.keys(KINDS)) {
  const { broker: brokerKind, scheme, prepare } = KINDS[kind] as Kind;
  if (brokerKind === undefined) print(kind, 'connected', await soak(kind, {}));
  else {
    await using broker = await startBroker(brokerKind);
    await prepare?.(broker);
    print(kind, 'connected', await soak(kind, { WT_BROKER_URL: broker.url }));
  }
  const away = { WT_BROKER_URL: `${scheme}127.0.0.1:${await freePort()}`, WT_BROKER_AWAY: '1' };
  print(kind, 'disconnected', await soak(kind, away));
}
process.exitCode = worst;
