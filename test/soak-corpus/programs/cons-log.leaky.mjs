// Leaks: the log is one string that every order makes longer, and nobody writes it out.
import { takeOrder } from './support/order.mjs';

const report = { log: '' };

function appendLine(order) {
  report.log += `${new Date().toISOString()} order ${order.id} of ${order.customer}: ${order.totalCents} cents\n`;
}

export default async function iteration(n) {
  appendLine(takeOrder(n));
}
