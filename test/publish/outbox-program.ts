/*
 * A program with an outbox that is killed: it publishes without end, or as much as it is told, and writes the id of every event
 * whose publish has resolved to a file. With KILL_AT=n it kills itself right before its n-th call that changes a file.
 */
import fs from 'node:fs';
import { RedisPublisher } from '../../src/publish/index.js';

const { FOLDER, URL, STREAM, LOG, ROUND, COUNT, KILL_AT } = process.env as Record<string, string>;
const killAt = Number(KILL_AT ?? Number.POSITIVE_INFINITY);
const log = fs.openSync(LOG!, 'a');
const writeSync = fs.writeSync.bind(fs);

let calls = 0;
const CHANGES = /^(open|write|writev|fdatasync|fsync|ftruncate|truncate|unlink|rename|close|mkdir)(Sync)?$/;
for (const name of Object.keys(fs).filter((one) => CHANGES.test(one))) {
  const functions = fs as unknown as Record<string, (...values: unknown[]) => unknown>;
  const original = functions[name]!;
  functions[name] = function (this: unknown, ...values: unknown[]) {
    if (calls++ === killAt) process.kill(process.pid, 'SIGKILL');
    return original.apply(this, values);
  };
}

const publisher = new RedisPublisher({
  url: URL!,
  stream: STREAM!,
  delivery: 'outbox',
  outbox: { folder: FOLDER!, segmentBytes: COUNT === undefined ? 64 * 1024 : 4096 },
});
const most = COUNT === undefined ? Number.POSITIVE_INFINITY : Number(COUNT);
let last: Promise<unknown> = Promise.resolve();
for (let n = 0; n < most; n++) {
  const key = `k${n % 4}`;
  const id = `${ROUND}.${key}.${n}`;
  last = publisher.publish({ id, event: 'streaming', eventType: 'update', data: 'x'.repeat(200) }, { key });
  void last.then(() => writeSync(log, `${id}\n`));
  if (n % 25 === 24) await last;
}
await last;
await publisher.flush();
await publisher.close();
