// Leaks: each order listens for price changes and never stops.
import { EventEmitter } from 'node:events';
import { takeOrder } from './support/order.mjs';

const priceBus = new EventEmitter().setMaxListeners(0);

function followPrices(order) {
  const onPrice = (factor) => {
    order.totalCents *= factor;
  };
  priceBus.on('price', onPrice);
}

export default async function iteration(n) {
  followPrices(takeOrder(n));
}
