// Leaks: every fourth request queues a callback, bound to its AsyncLocalStorage context, for a flush that never happens.
import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import { takeOrder } from './support/order.mjs';

class RequestContext {
  constructor(n) {
    this.requestId = n;
    this.tenant = n % 7;
  }
}

const requestContext = new AsyncLocalStorage();
const pendingFlushes = [];

function handle(n) {
  const order = takeOrder(n);
  if (n % 4 !== 0) return;
  pendingFlushes.push(AsyncResource.bind(() => requestContext.getStore().tenant + order.totalCents));
}

export default async function iteration(n) {
  requestContext.run(new RequestContext(n), handle, n);
}
