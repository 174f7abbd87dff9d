// What do the clients by themselves do when something breaks, beside our publishers in the same cases? Each runs in a program
// of its own, so that it shows whether the program comes to its end after close().
// Run: npm run build && npx tsx bench/publish/faults.bench.ts   (some 2 minutes)
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  consumeAll,
  createNatsStream,
  FaultProxy,
  KafkaBroker,
  NatsBroker,
  RabbitBroker,
} from '../../test/brokers/index.js';
import { alarm, bind } from '../../test/publish/rabbitmq.fixture.js';
import { type BenchBroker, startBroker } from './brokers.js';
import { FAULT_CLIENTS } from './fault-clients.js';

/** What a client says of itself after its close. */
export interface FaultReport {
  /** Undefined: it hangs. */
  readonly closeMs: number | undefined;
  /** With what the close was rejected. */
  readonly failure: string | undefined;
  readonly stored: number;
  readonly rejected: number;
  readonly unsettled: number;
}

const CASES = {
  down: 'the broker is gone when 1,000 events are published and closed behind',
  burst: '10,000 events that nobody awaits, then close; the broker is well',
  acks: 'answers are lost for 300 ms, then the connection is cut (Kafka: silence of 300 ms); 1,000 events, close after 3 s at most',
  stalled: 'the connection is open and nothing moves; 1,000 events, then close',
  alarm: 'RabbitMQ is short of memory and takes nothing; 1,000 events, then close',
} as const;
type Case = keyof typeof CASES;

const CHILD = fileURLToPath(new URL('./faults.child.ts', import.meta.url));
const LOST_MS = 300;
/** Connecting, and the first event. */
const READY_MS = 20_000;
/** The child says after 6 s that its close hangs, and has 3 s to mend before. */
const REPORT_MS = 12_000;
const EXIT_MS = 8_000;
/** What is still on its way into the broker when the client has gone. */
const REST_MS = 300;

/** A broker, and the network before it. */
interface Place {
  readonly broker: BenchBroker;
  /** Kafka has none: its brokers name their own addresses. */
  readonly proxy: FaultProxy | undefined;
}

/** Puts the fault in place. @returns what happens when the client has begun */
async function breakIt({ broker, proxy }: Place, fault: Case): Promise<() => Promise<unknown>> {
  const nothing = async () => {};
  if (fault === 'burst') return nothing;
  if (fault === 'alarm') {
    await alarm.raise(broker as RabbitBroker);
    while (!(await (broker as RabbitBroker).ctl('eval', 'rabbit_alarm:get_alarms().')).includes('memory'));
    return nothing;
  }
  if (broker instanceof KafkaBroker) {
    if (fault === 'down') await broker.down();
    else await broker.pause();
    return fault === 'acks' ? () => sleep(LOST_MS).then(() => broker.resume()) : nothing;
  }
  if (!proxy) throw new Error(`no proxy before ${broker.kind}`);
  if (fault === 'down') {
    proxy.refuse();
    proxy.drop();
  } else if (fault === 'stalled') proxy.stall();
  else proxy.swallowReplies();
  if (fault !== 'acks') return nothing;
  return async () => {
    await sleep(LOST_MS);
    proxy.drop();
    await proxy.heal();
  };
}

async function mend({ broker, proxy }: Place, fault: Case): Promise<void> {
  await proxy?.heal();
  if (broker instanceof KafkaBroker) {
    if (fault === 'down') await broker.up();
    else broker.resume();
  }
  if (fault === 'alarm') await alarm.clear(broker as RabbitBroker);
}

async function prepare(broker: BenchBroker, destination: string): Promise<void> {
  if (broker instanceof RabbitBroker) await bind(broker, destination, destination);
  if (broker instanceof KafkaBroker) await broker.createTopic(destination, 4);
  if (broker instanceof NatsBroker) await createNatsStream(broker, destination, destination);
}

const message = async <T>(child: ChildProcess, ms: number): Promise<T | undefined> => {
  const wait = new AbortController();
  const { signal } = wait;
  const gone = once(child, 'exit', { signal }).then(() => []);
  const late = sleep(ms, [], { signal });
  const [said] = await Promise.race([once(child, 'message', { signal }), gone, late]).finally(() => wait.abort());
  for (const left of [gone, late]) left.catch(() => {});
  return said as T | undefined;
};

async function run(place: Place, name: string, fault: Case): Promise<readonly string[]> {
  const { broker, proxy } = place;
  const destination = `${fault}-${name.replace(/\W/g, '')}`;
  await prepare(broker, destination);
  const child = fork(CHILD, [name, fault, String((proxy ?? broker).port), destination], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let said = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    said = `${said}${text}`.slice(-2_000);
  });
  const exited = once(child, 'exit');
  try {
    if ((await message(child, READY_MS)) !== 'ready') throw new Error(`${name} does not connect: ${said}`);
    const then = await breakIt(place, fault);
    child.send('go');
    const [report] = await Promise.all([message<FaultReport>(child, REPORT_MS), then()]);
    const from = performance.now();
    const isOut = await Promise.race([exited.then(() => true), sleep(EXIT_MS, false, { ref: false })]);
    const exits = isOut ? `after ${((performance.now() - from) / 1_000).toFixed(1)} s` : `NOT in ${EXIT_MS / 1_000} s`;
    child.kill('SIGKILL');
    await exited;
    await mend(place, fault);
    await sleep(REST_MS);
    const found = (await consumeAll(broker, destination)).map(
      ({ body }) => (JSON.parse(body) as { data: number }).data,
    );
    const numbers = found.filter((n) => n >= 0);
    const distinct = new Set(numbers).size;
    const arrived = `${distinct} (${numbers.length - distinct})`;
    if (!report)
      return [name, `CRASHES ${said.split('\n').find((line) => /Error/.test(line)) ?? ''}`, '', arrived, exits];
    const { closeMs, failure, stored, rejected, unsettled } = report;
    const took =
      closeMs === undefined ? 'HANGS' : `${failure === undefined ? 'ok' : 'rejects'} ${Math.round(closeMs)} ms`;
    return [name, took, `${stored} / ${rejected} / ${unsettled}`, arrived, exits];
  } finally {
    child.kill('SIGKILL');
    await mend(place, fault);
  }
}

const rows = new Map<string, readonly string[]>();
const wanted = process.argv.slice(2);
const names = Object.keys(FAULT_CLIENTS).filter((name) => wanted.length === 0 || wanted.includes(name));
const brokerOf = (name: string) => FAULT_CLIENTS[name]!.broker;

/** One client after the other; the brokers do not know of each other. */
async function runAll(kind: BenchBroker['kind']): Promise<void> {
  await using broker = await startBroker(kind);
  const proxy = kind === 'kafka' ? undefined : await FaultProxy.start(broker);
  try {
    for (const fault of Object.keys(CASES) as Case[]) {
      if (fault === 'alarm' && kind !== 'rabbitmq') continue;
      for (const name of names.filter((one) => brokerOf(one) === kind)) {
        const failed = (error: Error) => [name, `FAILED ${error.message.split('\n')[0]}`, '', '', ''];
        rows.set(`${fault} ${name}`, await run({ broker, proxy }, name, fault).catch(failed));
      }
    }
  } finally {
    await proxy?.close();
  }
}

await Promise.all([...new Set(names.map(brokerOf))].map(runAll));
const HEAD = ['client', 'close()', 'stored / rejected / pending', 'arrived (again)', 'the program ends'];
for (const [fault, what] of Object.entries(CASES)) {
  const lines = [HEAD, ...names.flatMap((name) => [rows.get(`${fault} ${name}`) ?? []])].filter(
    ({ length }) => length > 0,
  );
  if (lines.length === 1) continue;
  const widths = HEAD.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  console.log(`\n${fault}: ${what}`);
  for (const line of lines)
    console.log(
      `  ${line
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd()}`,
    );
}
console.log(`
pending: not told 50 ms after the close. arrived: also what lay in sockets when the fault ended, so it differs from run to
run where nothing moved. Our publishers close by a deadline of 3,000 ms, the others have none. Node ${process.version}.`);
