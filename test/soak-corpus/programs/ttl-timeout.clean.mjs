// Looks leaky, is clean: each session is deleted by its own timer, 300 ms to 1 s later.
import { takeOrder } from './support/order.mjs';
import { random } from './support/random.mjs';

class Session {
  constructor(order) {
    this.order = order;
  }
}

const sessions = new Map();

export default async function iteration(n) {
  const session = new Session(takeOrder(n));
  sessions.set(n, session);
  setTimeout(() => sessions.delete(n), 300 + 700 * random()).unref();
  await new Promise(setImmediate);
}
