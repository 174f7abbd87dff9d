// Looks leaky, is clean: results are remembered for ever, but there are only 3,000 different questions.
import { takeOrder } from './support/order.mjs';
import { random } from './support/random.mjs';

const answers = new Map();

function shippingOf(zone) {
  if (!answers.has(zone)) answers.set(zone, { zone, label: `zone ${zone} of the world`, cents: (zone * 37) % 1999 });
  return answers.get(zone);
}

export default async function iteration(n) {
  takeOrder(n);
  for (let i = 0; i < 3; i++) shippingOf(Math.floor(random() * 3000));
}
