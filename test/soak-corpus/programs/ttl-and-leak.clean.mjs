// Clean: tickets expire after 300 ms, favourites with them.
import { takeOrder } from './support/order.mjs';

class Ticket {
  constructor(order) {
    this.order = order;
    this.expiresMs = performance.now() + 300;
  }
}

const live = new Map();
const favourites = new Set();

function issueTicket(order) {
  const ticket = new Ticket(order);
  live.set(order.id, ticket);
  if (order.id % 5 === 0) favourites.add(ticket);
}

function expireTickets(nowMs) {
  for (const [id, ticket] of live) {
    if (ticket.expiresMs > nowMs) return;
    live.delete(id);
    favourites.delete(ticket);
  }
}

export default async function iteration(n) {
  issueTicket(takeOrder(n));
  expireTickets(performance.now());
}
