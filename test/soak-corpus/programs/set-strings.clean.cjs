// Clean: the ids of two periods are kept; when a period of 500 is full, the one before is dropped.
const { randomUUID } = require('node:crypto');

let seenRequests = new Set();
let seenBefore = new Set();

module.exports = async function iteration() {
  const { takeOrder } = await import('./support/order.mjs');
  const requestId = randomUUID();
  if (!seenRequests.has(requestId) && !seenBefore.has(requestId)) takeOrder(seenRequests.size);
  seenRequests.add(requestId);
  if (seenRequests.size < 500) return;
  seenBefore = seenRequests;
  seenRequests = new Set();
};
