// Clean: the value held for the finalizer is a number, so the connection can be collected.
import { takeOrder } from './support/order.mjs';

class TenantConnection {
  constructor(order) {
    this.order = order;
    this.state = { isOpen: true };
  }
}

const open = new Map();
const registry = new FinalizationRegistry((held) => open.delete(held));

function openConnection(order) {
  const connection = new TenantConnection(order);
  open.set(order.id, 1);
  registry.register(connection, order.id);
}

export default async function iteration(n) {
  openConnection(takeOrder(n));
  await new Promise(setImmediate);
}
