import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const run = async (...args: string[]) => {
  const env = { ...process.env, NODE_OPTIONS: '' };
  const { stdout } = await promisify(execFile)(process.execPath, ['examples/hot-reload/main.mjs', ...args], { env });
  const [, sent, processed, lost] = /sent (\d+), processed (\d+), lost (\d+)/.exec(stdout)!.map(Number);
  const [, reloads] = /(\d+) reloads/.exec(stdout)!.map(Number);
  const [, replaced] = /(\d+) replaced/.exec(stdout)!.map(Number);
  return { sent, processed, lost, reloads, replaced };
};

test('100 reloads lose no message, and need no new worker', async () => {
  const { sent, processed, lost, reloads, replaced } = await run('100');
  expect({ lost, reloads, replaced }).toEqual({ lost: 0, reloads: 100, replaced: 0 });
  expect(processed).toBe(sent);
  expect(sent).toBeGreaterThan(1_000);
});

test('workers that are killed meanwhile are replaced, and no message is lost', async () => {
  const { sent, processed, lost, replaced } = await run('50', 'kill');
  expect(lost).toBe(0);
  expect(processed).toBe(sent);
  expect(replaced).toBeGreaterThanOrEqual(1);
});
