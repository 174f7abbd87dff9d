/*
 * Starts children with fewer and fewer descriptors to be had, until one can be started; prints what was refused, and how many
 * descriptors there are before and after. Run it with a low `ulimit -n`.
 */
import { closeSync, openSync } from 'node:fs';
import { listLeases } from '../leases/index.js';
import { Children } from './children.js';
import { descriptorCount } from './processes.fixture.js';

const children = new Children({ guard: false });
await children.start('true').ended;
const before =
  descriptorCount() + listLeases().filter(({ kind, pid }) => kind === 'child' && pid === process.pid).length;

const taken: number[] = [];
try {
  for (;;) taken.push(openSync('/dev/null', 'r'));
} catch {
  // None is left.
}
const refused: unknown[] = [];
let code: number | null = null;
// With each round one descriptor more: it fails at every place at which it can.
for (;;) {
  try {
    code = (await children.start('true').ended).code;
    break;
  } catch (error) {
    const { code, details } = error as { code: string; details: { code: string } };
    refused.push([code, details?.code ?? String(error)]);
  }
  closeSync(taken.pop()!);
}
for (const fd of taken) closeSync(fd);
await children.close();
const after =
  descriptorCount() + listLeases().filter(({ kind, pid }) => kind === 'child' && pid === process.pid).length;
process.stdout.write(JSON.stringify({ refused, before, after, code }));
