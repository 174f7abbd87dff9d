import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, createWriteStream, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { ConsolePublisher, type EventInput } from './index.js';

const event: EventInput = { event: 'node_execution', eventType: 'end', runId: 'run-1', timestamp: 1_000 };
const written = (stream: PassThrough) => String(stream.read() ?? '');

it('ConsolePublisher writes JSON with two spaces a level, each event on lines of its own', async () => {
  const stream = new PassThrough();
  const publisher = new ConsolePublisher({ stream });
  expect(await publisher.publish({ ...event, id: 'a', data: { n: 1 } })).toBe('stored');
  const wanted = { id: 'a', version: 1, ...event, sequence: 0, data: { n: 1 } };
  const text = written(stream);
  expect(JSON.parse(text)).toEqual(wanted);
  expect(text).toContain('\n  "data": {\n    "n": 1\n  }\n}\n');
  expect(await publisher.close()).toMatchObject({ status: 'completed', accepted: 1, confirmed: 1 });
  expect(stream.writableEnded).toBe(false);
});

it('ConsolePublisher leaves out the timestamp, and breaks no lines, when it is told so', async () => {
  const stream = new PassThrough();
  const publisher = new ConsolePublisher({ stream, indent: 0, includeTimestamp: false });
  await Promise.all([publisher.publish(event), publisher.publish(event)]);
  const lines = written(stream).trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line).sequence)).toEqual([0, 1]);
  expect(lines.join()).not.toContain('timestamp');
  await publisher.close();
});

it('ConsolePublisher writes texts of one line', async () => {
  const stream = new PassThrough();
  const publisher = new ConsolePublisher({ stream, format: 'text' });
  await publisher.publish({ ...event, nodeName: 'agent', content: 'two\nlines', isError: true, data: [1] });
  await publisher.publish({ ...event, timestamp: 1e300 });
  expect(written(stream)).toBe(
    '1970-01-01T00:00:01.000Z node_execution/end run-1#0 node=agent error two\\nlines [1]\n1e+300 node_execution/end run-1#1\n',
  );
  await publisher.close();
});

it('ConsolePublisher escapes what a terminal would obey, in both formats', async () => {
  const hostile = String.fromCharCode(
    ...Array.from({ length: 32 }, (_, i) => i),
    127,
    ...Array.from({ length: 32 }, (_, i) => 128 + i),
    0x202e,
    0x2028,
  );
  for (const format of ['json', 'text'] as const) {
    const stream = new PassThrough();
    const publisher = new ConsolePublisher({ stream, format, indent: 0 });
    await publisher.publish({ ...event, content: hostile, nodeName: hostile, data: { [hostile]: hostile } });
    const text = written(stream);
    expect(text.slice(0, -1)).not.toMatch(/[\0-\x1f\x7f-\x9f\u202e\u2028]/);
    expect(text.at(-1)).toBe('\n');
    if (format === 'json') expect(JSON.parse(text).data).toEqual({ [hostile]: hostile });
    await publisher.close();
  }
});

it('ConsolePublisher.publish() waits until the stream has called back', async () => {
  let callBack = () => {};
  const stream = new Writable({
    write: (_chunk, _encoding, done) => {
      callBack = done;
    },
  });
  const publisher = new ConsolePublisher({ stream });
  let isStored = false;
  const publishing = publisher.publish(event).then(() => {
    isStored = true;
  });
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  expect([isStored, publisher.stats().inFlight]).toEqual([false, 1]);
  callBack();
  await publishing;
  await publisher.close();
});

it('ConsolePublisher.close() is over in time when the stream does not call back, and says so', async () => {
  const stream = new Writable({ write: () => {} });
  const publisher = new ConsolePublisher({ stream });
  const published = [1, 2].map(() => publisher.publish(event).catch((error) => error.details.outcome));
  await new Promise(setImmediate);
  expect(await publisher.close({ timeoutMs: 50 })).toMatchObject({ status: 'timeout', remaining: 2 });
  expect(await Promise.all(published)).toEqual(['unknown', 'unknown']);
  // Its error comes late, and crashes nobody.
  stream.destroy(new Error('late'));
  await new Promise((resolve) => stream.once('close', resolve));
});

it('ConsolePublisher fails events as not sent when its stream has ended or fails, and nothing is unhandled', async () => {
  const failure = { code: 'WT_PUBLISH_NOT_SENT', details: { outcome: 'not-sent' } };
  const ended = new PassThrough();
  ended.end();
  const toEnded = new ConsolePublisher({ stream: ended });
  await expect(toEnded.publish(event)).rejects.toMatchObject(failure);
  const failing = new Writable({ write: (_chunk, _encoding, done) => done(new Error('EPIPE')) });
  const toFailing = new ConsolePublisher({ stream: failing });
  await expect(toFailing.publish(event)).rejects.toMatchObject({ ...failure, cause: { code: 'WT_PUBLISH_REFUSED' } });
  await expect(toFailing.publish(event)).rejects.toMatchObject(failure);
  expect(await toFailing.close()).toMatchObject({ status: 'completed', accepted: 2, failed: 2 });
  await toEnded.close();
});

it('ConsolePublisher leaves a stream as it was, also when many write to it', async () => {
  const stream = new PassThrough();
  const warnings: unknown[] = [];
  const onWarning = (warning: unknown) => warnings.push(warning);
  process.on('warning', onWarning);
  const before = stream.listenerCount('error');
  const publishers = Array.from({ length: 20 }, () => new ConsolePublisher({ stream }));
  await Promise.all(publishers.map((publisher) => publisher.publish(event)));
  expect(stream.listenerCount('error')).toBe(before + 1);
  await Promise.all(publishers.map((publisher) => publisher.close()));
  expect(stream.listenerCount('error')).toBe(before);
  process.off('warning', onWarning);
  expect(warnings).toEqual([]);
});

it('ConsolePublisher outlives the reader of its standard output, and leaves it open', async () => {
  const fixture = fileURLToPath(new URL('./console-publisher.fixture.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', fixture], { stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit');
  let said = '';
  child.stderr.on('data', (bytes) => {
    said += bytes;
  });
  await once(child.stdout, 'data');
  child.stdout.destroy();
  expect(await exited).toEqual([0, null]);
  expect(said.trim()).toBe('not-sent completed');
});

it('ConsolePublisher fills a disk no further than it is', async () => {
  const stream = createWriteStream('/dev/full');
  const publisher = new ConsolePublisher({ stream });
  const closed = new Promise<void>((resolve) => stream.once('close', () => resolve()));
  await expect(publisher.publish(event)).rejects.toMatchObject({ details: { outcome: 'not-sent' } });
  await publisher.close();
  // When the error of the file comes.
  await closed;
});

it('ConsolePublisher writes to files', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'watertight-console-'));
  const file = join(folder, 'events.ndjson');
  const fd = openSync(file, 'w');
  const stream = createWriteStream('', { fd, autoClose: false });
  const publisher = new ConsolePublisher({ stream, indent: 0 });
  const published = Array.from({ length: 3_000 }, () => publisher.publish(event));
  expect(await publisher.close()).toMatchObject({ confirmed: 3_000 });
  await Promise.all(published);
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line).sequence)).toEqual(lines.map((_, i) => i));
  expect(lines).toHaveLength(3_000);
  closeSync(fd);
  rmSync(folder, { recursive: true });
});

it('ConsolePublisher names the option that is wrong', () => {
  const make = (options: object) => () => new ConsolePublisher(options);
  expect(make({ encoding: 'json' })).toThrow(/"encoding"/);
  expect(make({ format: 'xml' })).toThrow(/format/);
  expect(make({ indent: 11 })).toThrow(/indent/);
  expect(make({ includeTimestamp: 1 })).toThrow(/includeTimestamp/);
  expect(make({ stream: {} })).toThrow(/stream/);
});
