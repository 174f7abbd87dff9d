// Clean: the view unsubscribes itself when it closes.
import { setMaxListeners } from 'node:events';
import { takeOrder } from './support/order.mjs';

class OrderStore extends EventTarget {
  orders = new Map();
}

const store = new OrderStore();
setMaxListeners(0, store);

class OrderView {
  constructor(order) {
    this.order = order;
    store.addEventListener('change', this);
  }

  handleEvent() {
    this.isStale = true;
  }

  close() {
    store.removeEventListener('change', this);
  }
}

export default async function iteration(n) {
  const order = takeOrder(n);
  store.orders.set(n % 100, order);
  if (n % 4 === 0) new OrderView(order).close();
}
