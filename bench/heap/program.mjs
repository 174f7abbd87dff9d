// A program with a heap of everything that servers hold, seeded, and one planted leak: `node program.mjs SCALE SEED FILE…`
// Writes a snapshot to each FILE; before each but the first, 500 more requests leak. SCALE 1 gives a file of some 30 MB.
import { EventEmitter } from 'node:events';
import { writeHeapSnapshot } from 'node:v8';

const [scale, seed, ...files] = [Number(process.argv[2]), Number(process.argv[3]), ...process.argv.slice(4)];

let state = seed >>> 0;
/** Mulberry32. */
const random = () => {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
};
const below = (n) => Math.floor(random() * n);
const word = () => 'customer order invoice session payment basket article price'.split(' ')[below(8)];

class Address {
  constructor() {
    this.street = `${word()} street ${below(900)}`;
    this.zip = 10_000 + below(80_000);
  }
}
class Customer {
  constructor(id) {
    this.id = id;
    this.name = `${word()} ${id}`;
    this.address = new Address();
    this.orders = [];
    this.tags = new Set([word(), word()]);
  }
}
class Order {
  constructor(customer, id) {
    this.id = id;
    this.customer = customer;
    this.lines = Array.from({ length: 1 + below(4) }, () => ({
      article: word(),
      count: below(9),
      price: random() * 99,
    }));
    customer.orders.push(this);
  }
}
class LeakyRequest {
  constructor(id) {
    this.id = id;
    this.headers = { accept: '*/*', host: `host-${id}` };
    this.body = `body of request ${id}`;
  }
}

const count = (n) => Math.round(n * scale);
const customers = Array.from({ length: count(6_000) }, (_, i) => new Customer(i));
const orders = Array.from({ length: count(14_000) }, (_, i) => new Order(customers[below(customers.length)], i));
const byId = new Map(orders.map((order) => [`order-${order.id}`, order]));
const notes = new WeakMap(
  customers.slice(0, count(2_000)).map((customer) => [customer, { text: `note on ${customer.id}` }]),
);
let chain = null;
for (let i = 0; i < count(12_000); i++) chain = { value: i, next: chain };
const callbacks = Array.from({ length: count(8_000) }, (_, i) => {
  const customer = customers[i % customers.length];
  return () => customer.id + i;
});
const trees = Array.from({ length: count(300) }, (_, i) =>
  JSON.parse(
    JSON.stringify({ i, rows: Array.from({ length: 20 }, (_, k) => ({ k, at: `2026-01-${k}`, ok: k % 2 === 0 })) }),
  ),
);
const texts = Array.from({ length: count(4_000) }, (_, i) => `${word()} ${i} `.repeat(1 + below(12)) + i);
const joined = Array.from({ length: count(2_000) }, (_, i) => texts[i % texts.length] + texts[(i * 7) % texts.length]);
const buffers = Array.from({ length: count(300) }, (_, i) => Buffer.alloc(256 + (i % 700)));
const waiting = Array.from(
  { length: count(2_000) },
  (_, i) =>
    new Promise((resolve) => {
      if (i % 2) resolve({ i });
    }),
);

const bus = new EventEmitter();
const seen = [];
bus.on('request', (request) => seen.push(request));
const leak = (n) => {
  for (let i = 0; i < n; i++) bus.emit('request', new LeakyRequest(seen.length));
};

globalThis.keep = { customers, orders, byId, notes, chain, callbacks, trees, texts, joined, buffers, waiting, bus };
leak(2_000);
for (const [i, file] of files.entries()) {
  if (i > 0) leak(500);
  writeHeapSnapshot(file);
}
