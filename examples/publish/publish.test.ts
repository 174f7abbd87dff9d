import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { consumeAll, RedisBroker } from '../../test/brokers/index.js';

const run = async (...args: string[]) => {
  const env = { ...process.env, NODE_OPTIONS: '' };
  return promisify(execFile)(process.execPath, ['examples/publish/main.mjs', ...args], { env });
};
const SAYS = 'it says: Oslo has 4 degrees, the sum is 42, tea is at five.';

test('the console alone shows two runs from their start to their end', async () => {
  const { stdout, stderr } = await run();
  expect(stderr).toContain(SAYS);
  expect(stderr).toContain('closed: completed, 0 events were not published');
  const lines = stdout.trim().split('\n');
  expect(lines.filter((line) => line.includes('graph_execution'))).toHaveLength(4);
  expect(lines.some((line) => line.includes('tool_execution'))).toBe(true);
});

test('a URL takes the same events to that broker', async () => {
  await using broker = await RedisBroker.start();
  const { stderr } = await run(broker.url);
  expect(stderr).toContain(SAYS);
  const events = (await consumeAll(broker, 'watertight.events')).map(({ body }) => JSON.parse(body));
  const ofGraph = events.filter(({ event }) => event === 'graph_execution').map(({ eventType }) => eventType);
  expect(ofGraph).toEqual(['start', 'interrupted', 'start', 'end']);
});
