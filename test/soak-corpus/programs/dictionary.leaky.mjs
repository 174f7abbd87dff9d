// Leaks: open carts by id in a plain object; a cart that is paid for stays in it.
import { takeOrder } from './support/order.mjs';

const openCarts = {};

function openCart(order) {
  openCarts[`cart-${order.id}`] = { cents: order.totalCents, isPaid: false };
}

function pay(order) {
  openCarts[`cart-${order.id}`].isPaid = true;
}

export default async function iteration(n) {
  const order = takeOrder(n);
  openCart(order);
  pay(order);
}
