// Clean: each order listens for price changes while it is open, then stops.
import { EventEmitter } from 'node:events';
import { takeOrder } from './support/order.mjs';

const priceBus = new EventEmitter().setMaxListeners(0);

function followPrices(order) {
  const onPrice = (factor) => {
    order.totalCents *= factor;
  };
  priceBus.on('price', onPrice);
  return () => priceBus.off('price', onPrice);
}

export default async function iteration(n) {
  const stop = followPrices(takeOrder(n));
  priceBus.emit('price', 1);
  stop();
}
