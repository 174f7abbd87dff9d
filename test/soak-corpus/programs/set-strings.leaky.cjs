// Leaks: the id of every request is kept in a Set, to answer a repeated one; no id is ever forgotten.
const { randomUUID } = require('node:crypto');

const seenRequests = new Set();

module.exports = async function iteration() {
  const { takeOrder } = await import('./support/order.mjs');
  const requestId = randomUUID();
  if (!seenRequests.has(requestId)) takeOrder(seenRequests.size);
  seenRequests.add(requestId);
};
