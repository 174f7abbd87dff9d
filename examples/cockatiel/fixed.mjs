/** cockatiel 3.1.1: the same program on the version that repairs the leak. */
import { handleAll, retry, TimeoutStrategy, timeout, wrap } from 'cockatiel-fixed';
import { fetchPrice } from './price-service.mjs';

const policy = wrap(retry(handleAll, { maxAttempts: 2 }), timeout(2000, TimeoutStrategy.Cooperative));

export default async function iteration(n) {
  await policy.execute(() => fetchPrice(n));
}
