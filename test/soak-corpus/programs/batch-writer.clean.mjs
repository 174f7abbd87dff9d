// Looks leaky, is clean: rows are collected and written to one file, which starts again at its head, every 400 orders.
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { takeOrder } from './support/order.mjs';

const path = join(tmpdir(), `watertight-corpus-${process.pid}-rows.json`);
const fd = openSync(path, 'w');
let rows = [];

export default async function iteration(n) {
  rows.push(takeOrder(n));
  if (rows.length < 400) return;
  writeSync(fd, JSON.stringify(rows), 0);
  rows = [];
}

export function teardown() {
  closeSync(fd);
  rmSync(path, { force: true });
}
