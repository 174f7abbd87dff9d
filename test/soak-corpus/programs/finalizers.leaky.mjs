// Leaks: the value held for the finalizer holds the connection itself, so the connection is never collected.
import { takeOrder } from './support/order.mjs';

class TenantConnection {
  constructor(order) {
    this.order = order;
    this.state = { isOpen: true };
  }
}

const open = new Map();
const registry = new FinalizationRegistry((held) => open.delete(held.id));

function openConnection(order) {
  const connection = new TenantConnection(order);
  open.set(order.id, 1);
  registry.register(connection, { id: order.id, connection });
}

export default async function iteration(n) {
  openConnection(takeOrder(n));
  await new Promise(setImmediate);
}
