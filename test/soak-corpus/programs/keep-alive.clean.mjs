// Looks leaky, is clean: an agent keeps idle sockets to a server, up to eight of them, for the next requests.
import { once } from 'node:events';
import { Agent, createServer, get } from 'node:http';
import { json } from 'node:stream/consumers';
import { takeOrder } from './support/order.mjs';

const agent = new Agent({ keepAlive: true, maxSockets: 8, maxFreeSockets: 8 });
const server = createServer((request, response) => response.end(JSON.stringify(takeOrder(request.url.length))));

export async function setup() {
  await once(server.listen(0, '127.0.0.1'), 'listening');
}

async function ask(n) {
  const request = get({ port: server.address().port, host: '127.0.0.1', path: `/${n}`, agent });
  const [response] = await once(request, 'response');
  return json(response);
}

export default async function iteration(n) {
  const together = 1 + Math.min(7, Math.floor(n / 200));
  await Promise.all(Array.from({ length: n % 20 === 0 ? together : 1 }, (_, i) => ask(n + i)));
}

export function teardown() {
  agent.destroy();
  server.close();
}
