// Looks leaky, is clean: objects are printed; what waits in the pipe is written before the next order.
import { once } from 'node:events';
import { takeOrder } from './support/order.mjs';

export default async function iteration(n) {
  const order = takeOrder(n);
  if (n % 10 === 0) console.log('order', order);
  if (process.stdout.writableNeedDrain) await once(process.stdout, 'drain');
}
