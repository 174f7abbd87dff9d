// Looks leaky, is clean: sessions end after 400 ms, but are removed only when somebody looks, every 250 orders.
import { takeOrder } from './support/order.mjs';

const sessions = new Map();

function purge(nowMs) {
  for (const [id, session] of sessions) if (session.endsMs < nowMs) sessions.delete(id);
}

export default async function iteration(n) {
  sessions.set(n, { order: takeOrder(n), endsMs: performance.now() + 400 });
  if (n % 250 === 0) purge(performance.now());
}
