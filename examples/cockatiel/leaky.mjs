/** cockatiel 3.0.0: each call of a wrapped `timeout()` leaves a listener on a signal that the library keeps for ever. */
import { handleAll, retry, TimeoutStrategy, timeout, wrap } from 'cockatiel-leaky';
import { fetchPrice } from './price-service.mjs';

const policy = wrap(retry(handleAll, { maxAttempts: 2 }), timeout(2000, TimeoutStrategy.Cooperative));

export default async function iteration(n) {
  await policy.execute(() => fetchPrice(n));
}
