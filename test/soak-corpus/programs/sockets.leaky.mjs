// Leaks: every fiftieth order opens a connection to the printer and leaves it open.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { takeOrder } from './support/order.mjs';

const printer = createServer((socket) => socket.resume());

export async function setup() {
  await once(printer.listen(0, '127.0.0.1'), 'listening');
}

async function printLabel(order) {
  const socket = connect(printer.address().port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write(JSON.stringify(order));
}

export default async function iteration(n) {
  const order = takeOrder(n);
  if (n % 50 === 0) await printLabel(order);
}

export function teardown() {
  printer.close();
}
