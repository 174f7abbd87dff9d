import { setTimeout as sleep } from 'node:timers/promises';
import type { KafkaBroker } from './kafka-broker.js';
import { programPath } from './programs.mjs';
import type { OnMessage, Received, Unsubscribe } from './received.js';
import { followTool, runTool } from './run-tool.js';

/** A line of `kcat -J`. */
interface KcatRecord {
  readonly partition: number;
  readonly offset: number;
  readonly headers?: readonly string[];
  readonly payload: string | null;
}

/** An empty fetch is answered after so long; 500 ms is the default, for each read to the end. */
const FETCH_WAIT = ['-X', 'fetch.wait.max.ms=10'];

const REDIAL_MS = 20;

const consume = (broker: KafkaBroker, topic: string) => [
  '-C',
  '-b',
  broker.bootstrap,
  '-t',
  topic,
  '-o',
  'beginning',
  '-J',
  ...FETCH_WAIT,
];

/** Writes one record by kcat. */
export async function produceToKafka(
  broker: KafkaBroker,
  topic: string,
  body: string,
  headers: Record<string, string> = {},
): Promise<void> {
  const headerArgs = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}=${value}`]);
  // A delimiter that no text holds: the body may have several lines.
  const args = ['-P', '-b', broker.bootstrap, '-t', topic, '-D', '\\x01', ...headerArgs];
  await runTool(broker, programPath('kcat'), args, { input: body });
}

/** All records of a topic, ordered within each partition. */
export async function readKafkaTopic(broker: KafkaBroker, topic: string): Promise<Received[]> {
  const output = await runTool(broker, programPath('kcat'), [...consume(broker, topic), '-e', '-q']);
  return output.split('\n').filter(Boolean).map(parse);
}

/**
 * Every record of a topic from its first, as it comes, each once: for more than the 5 MB a partition that the mock keeps. kcat
 * ends when all brokers are down; it is started again until they are back.
 */
export async function followKafka(broker: KafkaBroker, topic: string, onMessage: OnMessage): Promise<Unsubscribe> {
  const seen = new Map<string, number>();
  const onLine = (line: string) => {
    const message = parse(line);
    const [partition, offset] = message.id!.split(':') as [string, string];
    if (Number(offset) <= (seen.get(partition) ?? -1)) return;
    seen.set(partition, Number(offset));
    onMessage(message);
  };
  const start = () => followTool(broker, programPath('kcat'), [...consume(broker, topic), '-u', '-q'], onLine);
  let isStopped = false;
  let tool = start();
  const following = (async () => {
    for (;;) {
      await tool.ended;
      await sleep(REDIAL_MS);
      if (isStopped || broker.isStopped) return;
      tool = start();
    }
  })();
  return async () => {
    isStopped = true;
    await tool.stop();
    await following;
  };
}

function parse(line: string): Received {
  const { partition, offset, headers = [], payload } = JSON.parse(line) as KcatRecord;
  const named: Record<string, string> = {};
  for (let i = 0; i < headers.length; i += 2) named[headers[i]!] = headers[i + 1]!;
  return { id: `${partition}:${offset}`, body: payload ?? '', headers: named };
}
