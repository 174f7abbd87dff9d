// Clean: a cart that is paid for is deleted.
import { takeOrder } from './support/order.mjs';

const openCarts = {};

function openCart(order) {
  openCarts[`cart-${order.id}`] = { cents: order.totalCents, isPaid: false };
}

function pay(order) {
  delete openCarts[`cart-${order.id}`];
}

export default async function iteration(n) {
  const order = takeOrder(n);
  openCart(order);
  if (n > 10) pay({ id: n - 10 });
  else pay(order);
}
