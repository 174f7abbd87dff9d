// One client in one case, as a program of its own: it connects, says so, waits until the fault is there, publishes, closes,
// says what became of it, and has then nothing more to do.
// Usage, forked by faults.bench.ts: faults.child.ts <client> <case> <port> <destination>
import { once } from 'node:events';
import { FAULT_CLIENTS, type FaultClient } from './fault-clients.js';
import type { FaultReport } from './faults.bench.js';

const [name = '', fault = '', port = '', destination = ''] = process.argv.slice(2);
/** So long a close may take before it counts as hanging. */
const HANGS_MS = 6_000;
/** Where the connection comes back, clients get so long to make it good before they are closed. */
const MENDING_MS = 3_000;
const EVENTS = fault === 'burst' ? 10_000 : 1_000;

const eventOf = (n: number) => ({
  event: 'node_execution' as const,
  eventType: 'progress' as const,
  runId: `run-${n % 64}`,
  data: n,
});
const within = async (ms: number, work: Promise<unknown>) => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(resolve, ms, 'late');
  });
  const end = await Promise.race([work.then(() => 'done' as const), late]);
  clearTimeout(timer);
  return end;
};

const client = await (FAULT_CLIENTS[name] as FaultClient).open(Number(port), destination);
await client.publish(eventOf(-1));
process.send!('ready');
await once(process, 'message');

const counts = { stored: 0, rejected: 0 };
const publish = async (n: number) => {
  try {
    await client.publish(eventOf(n));
    counts.stored++;
  } catch {
    counts.rejected++;
  }
};
const all = Promise.all(Array.from({ length: EVENTS }, (_, n) => publish(n)));
if (fault === 'acks') await within(MENDING_MS, all);

const startedAt = performance.now();
let failure: string | undefined;
const closing = (async () => client.close())().catch((error: Error) => {
  failure = error.message || error.name;
});
const end = await within(HANGS_MS, closing);
const closeMs = end === 'late' ? undefined : performance.now() - startedAt;
// What the close has decided is told to who waits some turns later.
await within(50, all);
const unsettled = EVENTS - counts.stored - counts.rejected;
const report: FaultReport = { closeMs, failure, ...counts, unsettled };
process.send!(report, () => process.disconnect());
