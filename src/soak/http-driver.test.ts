import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { HttpDriver, TimeDriver } from './http-driver.js';

test('a load that is stopped ends at once and closes its connections', async () => {
  let requests = 0;
  const server = createServer((_, response) => {
    requests++;
    response.end('ok');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const driver = new HttpDriver({ url: `http://127.0.0.1:${port}/`, connections: 4, rateHz: 1_000 });
  const load = driver.advance(1e6, 3600e3);
  while (requests < 20) await new Promise((resolve) => setTimeout(resolve, 5));
  driver.stop();
  const { done } = await load;
  // Each connection may have had one on its way.
  expect(done).toBeGreaterThanOrEqual(20 - 4);
  // Ends when the last connection does: one that is kept alive would hold it open.
  server.close();
  await once(server, 'close');
});

test('a wait that is stopped tells the time that passed', async () => {
  const driver = new TimeDriver(new Promise(() => {}));
  const waiting = driver.advance(3600, 3600e3);
  setTimeout(() => driver.stop(), 20);
  const { done } = await waiting;
  expect(done).toBeLessThan(60);
  expect(done).toBe(driver.total);
});
