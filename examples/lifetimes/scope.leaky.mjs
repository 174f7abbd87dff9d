/** Each order follows the prices while it is open. Nobody takes the listener away. */
import { EventEmitter } from 'node:events';

const prices = new EventEmitter().setMaxListeners(0);

export default async function order(n) {
  const seen = [];
  const follow = (price) => seen.push(price);
  prices.on('price', follow);
  prices.emit('price', 100 + (n % 7));
  if (seen.length !== 1) throw new Error(`saw ${seen.length} prices`);
}
