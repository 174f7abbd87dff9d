// Looks leaky, is clean: a rule is compiled from text for each of 400 products, then the compiled rules are used.
import { takeOrder } from './support/order.mjs';

const rules = new Map();

function ruleFor(product) {
  let rule = rules.get(product);
  if (!rule) {
    rule = new Function('cents', `let sum = ${product}; for (let i = 0; i < 50; i++) sum += cents * i; return sum;`);
    rules.set(product, rule);
  }
  return rule;
}

export default async function iteration(n) {
  ruleFor(Math.floor(n / 10) % 400)(takeOrder(n).totalCents);
}
