// Clean: the log is written out and started afresh when it passes 10,000 characters.
import { takeOrder } from './support/order.mjs';

const report = { log: '', writtenCharacters: 0 };

function appendLine(order) {
  report.log += `${new Date().toISOString()} order ${order.id} of ${order.customer}: ${order.totalCents} cents\n`;
  if (report.log.length < 10_000) return;
  report.writtenCharacters += Buffer.byteLength(report.log);
  report.log = '';
}

export default async function iteration(n) {
  appendLine(takeOrder(n));
}
