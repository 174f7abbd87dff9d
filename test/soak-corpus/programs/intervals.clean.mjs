// Clean: the reminder is cleared when the order is delivered.
import { takeOrder } from './support/order.mjs';

function startReminder(order) {
  return setInterval(() => {
    order.reminders = (order.reminders ?? 0) + 1;
  }, 60_000);
}

export default async function iteration(n) {
  const order = takeOrder(n);
  if (n % 4 !== 0) return;
  const reminder = startReminder(order);
  await null;
  clearInterval(reminder);
}
