// Clean: 1.5 s after the start the shop opens, and from then on each order listens once and stops.
import { EventEmitter } from 'node:events';
import { takeOrder } from './support/order.mjs';

const door = new EventEmitter().setMaxListeners(0);
const opensMs = performance.now() + 1500;

function waitForCustomer(order) {
  const onEnter = () => {
    order.isCollected = true;
  };
  door.on('enter', onEnter);
  door.emit('enter');
  door.off('enter', onEnter);
}

export default async function iteration(n) {
  const order = takeOrder(n);
  if (performance.now() > opensMs) waitForCustomer(order);
}
