// Clean: an HTTP server notes the last hundred requests it got.
import { once } from 'node:events';
import { Agent, createServer, get } from 'node:http';
import { json } from 'node:stream/consumers';
import { takeOrder } from './support/order.mjs';

class LoggedRequest {
  constructor(request) {
    this.url = request.url;
    this.agent = request.headers['user-agent'];
  }
}

const requestLog = [];
const agent = new Agent({ keepAlive: true });
const server = createServer((request, response) => {
  requestLog.push(new LoggedRequest(request));
  if (requestLog.length > 100) requestLog.shift();
  response.end(JSON.stringify(takeOrder(requestLog.length)));
});

export async function setup() {
  await once(server.listen(0, '127.0.0.1'), 'listening');
}

export default async function iteration(n) {
  const headers = { 'user-agent': `shop/${n}` };
  const request = get({ port: server.address().port, host: '127.0.0.1', path: `/orders/${n}`, agent, headers });
  const [response] = await once(request, 'response');
  await json(response);
}

export function teardown() {
  agent.destroy();
  server.close();
}
