// Leaks: the audit trail keeps one record for each order, and nobody ever reads or trims it.
import { takeOrder } from './support/order.mjs';

class AuditRecord {
  constructor(order, at) {
    this.orderId = order.id;
    this.totalCents = order.totalCents;
    this.at = at;
  }
}

const auditTrail = [];

function audit(order, iteration) {
  auditTrail.push(new AuditRecord(order, iteration));
}

export default async function iteration(n) {
  audit(takeOrder(n), n);
}
