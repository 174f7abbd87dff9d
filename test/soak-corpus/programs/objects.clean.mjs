// Clean: the audit trail is written out and emptied every hundred orders.
import { takeOrder } from './support/order.mjs';

class AuditRecord {
  constructor(order, at) {
    this.orderId = order.id;
    this.totalCents = order.totalCents;
    this.at = at;
  }
}

let auditTrail = [];

function audit(order, iteration) {
  auditTrail.push(new AuditRecord(order, iteration));
  if (auditTrail.length === 100) auditTrail = [];
}

export default async function iteration(n) {
  audit(takeOrder(n), n);
}
