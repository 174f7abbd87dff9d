// A process that holds segments as it is told to, and answers with what it sees in them.
import fs from 'node:fs';
import { listLeases, reclaim, thisOwner } from '../../src/leases/index.js';
import { serve } from '../../src/leases/ordered-program.fixture.js';
import { Segment, type SegmentHandle, Signal } from '../../src/shm/index.js';

const segments: Segment[] = [];
const words = (index: number) => new Int32Array(segments[index].buffer, 0, segments[index].bytes >> 2);

function failureOf(act: () => unknown): unknown {
  try {
    return act() ?? null;
  } catch (error) {
    const { name, code, message, hint } = error as Error & { code?: string; hint?: string };
    return { name, code, message, hint };
  }
}

const add = (segment: Segment) => segments.push(segment) - 1;

serve({
  owner: () => thisOwner().uid,
  create: (bytes: number, name?: string | null) =>
    add(Segment.create((name ?? undefined) === undefined ? { bytes } : { bytes, name: name as string })),
  createMany: (count: number, name: string) => {
    for (let made = 0; made < count; made++) add(Segment.create({ bytes: 4096, name }));
  },
  open: (handle: SegmentHandle | string) => add(Segment.open(handle)),
  tryCreate: (bytes: number, name?: string | null) =>
    failureOf(
      () => void add(Segment.create((name ?? undefined) === undefined ? { bytes } : { bytes, name: name as string })),
    ),
  tryOpen: (handle: SegmentHandle | string) => failureOf(() => void add(Segment.open(handle))),
  tryMany: (count: number) =>
    failureOf(() => {
      for (let made = 0; made < count; made++) add(Segment.create({ bytes: 4096 }));
    }),
  handle: (index: number) => segments[index].handle,
  read: (index: number, at: number) => Atomics.load(words(index), at),
  write: (index: number, at: number, value: number) => void Atomics.store(words(index), at, value),
  fill: (index: number) => void new Uint8Array(segments[index].buffer, 0, segments[index].bytes).fill(7),
  close: (index: number) => segments[index].close(),
  truncate: (index: number) => failureOf(() => fs.ftruncateSync((segments[index].handle as { fd: number }).fd, 0)),
  notify: (index: number) => new Signal(segments[index], 0).notify(),
  wait: (index: number, seen: number, timeoutMs: number) => new Signal(segments[index], 0).wait(seen, timeoutMs),
  add: (index: number, at: number, count: number) => {
    const view = words(index);
    for (let step = 0; step < count; step++) Atomics.add(view, at, 1);
  },
  list: () => listLeases(),
  reclaim: () => reclaim(),
  descriptors: () => fs.readdirSync('/proc/self/fd').length,
});
