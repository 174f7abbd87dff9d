/** Stands for the remote call that a service would guard with a policy: answers with a parsed price list. */
export async function fetchPrice(n) {
  const body = JSON.stringify({ item: n, offers: Array.from({ length: 60 }, (_, i) => ({ shop: i, cents: 500 + i })) });
  await null;
  return Math.min(...JSON.parse(body).offers.map((offer) => offer.cents));
}
