// What does it cost to register and to unregister one resource, with 10, 1,000 and 10,000 there already? What is lost when
// two processes register at once? And a sweep?
// Run: npx tsx bench/leases/register.bench.ts
// The peer is the common way: one JSON file, read, changed, written beside and renamed (systems.md §5: the prior system's).
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';

const folder = mkdtempSync('/dev/shm/wt-bench-');
process.env.WATERTIGHT_LEASE_DIR ??= folder;
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const { lease, reclaim, registerChild } = await import('../../src/leases/index.js');
const { Segment } = await import('../../src/shm/index.js');

const registry = `${process.env.WATERTIGHT_LEASE_DIR}/registry.json`;

function changeJson(change: (entries: Record<string, unknown>) => unknown): void {
  const entries = JSON.parse(readFileSync(registry, 'utf8')) as Record<string, unknown>;
  change(entries);
  const beside = `${registry}.${process.pid}.tmp`;
  writeFileSync(beside, JSON.stringify(entries));
  renameSync(beside, registry);
}

const [order, count] = process.argv.slice(2);
if (order === 'lease') {
  for (let made = 0; made < Number(count); made++) registerChild();
  process.send!('done');
} else if (order === 'json') {
  for (let made = 0; made < Number(count); made++) {
    changeJson((entries) => {
      entries[`segment-${process.pid}-${made}`] = { size: 4096, pid: process.pid, created: Date.now() };
    });
  }
  process.send!('done');
} else await compare();

interface Case {
  readonly name: string;
  readonly most: number;
  readonly register: (index: number) => unknown;
  readonly unregister: (made: never, index: number) => unknown;
}

async function compare(): Promise<void> {
  console.log(`node ${process.version}`);
  const cases: Case[] = [
    {
      name: 'lease of a child or a socket (a link)',
      most: 2000,
      register: () => registerChild(),
      unregister: (made: { release(): void }) => made.release(),
    },
    {
      name: 'lease of a folder (the folder itself)',
      most: 2000,
      register: () => lease.folder(),
      unregister: (made: { release(): void }) => made.release(),
    },
    {
      name: 'named segment: made, mapped, closed',
      most: 2000,
      register: () => Segment.create({ bytes: 4096, name: 'bench' }),
      unregister: (made: { close(): void }) => made.close(),
    },
    {
      name: 'segment without a name',
      most: 2000,
      register: () => Segment.create({ bytes: 4096 }),
      unregister: (made: { close(): void }) => made.close(),
    },
    {
      name: 'one JSON file, written beside and renamed',
      most: 200,
      register: (index) =>
        changeJson((entries) =>
          Object.assign(entries, { [`mine-${index}`]: { size: 4096, pid: process.pid, created: Date.now() } }),
        ),
      unregister: (_, index) => changeJson((entries) => void delete entries[`mine-${index}`]),
    },
  ];
  const there: { release(): void }[] = [];
  for (const entries of [10, 1_000, 10_000]) {
    while (there.length < entries) there.push(registerChild());
    writeFileSync(
      registry,
      JSON.stringify(
        Object.fromEntries(there.map((_, index) => [`segment-${index}`, { size: 4096, pid: 1, created: 1.7e12 }])),
      ),
    );
    console.log(
      `\n${entries.toLocaleString('en')} entries there already (p50, µs: register / unregister; as a share of the JSON file)`,
    );
    const rows = cases.map((one) => ({ name: one.name, ...measure(one) }));
    const json = rows.at(-1)!;
    for (const { name, register, unregister } of rows) {
      const share = `${(json.register / register).toFixed(1)} × / ${(json.unregister / unregister).toFixed(1)} ×`;
      console.log(
        `  ${share.padEnd(22)} ${register.toFixed(1).padStart(9)} / ${unregister.toFixed(1).padEnd(9)} ${name}`,
      );
    }
  }
  const began = performance.now();
  const idle = await reclaim();
  console.log(
    `\nreclaim() over ${idle.alive.toLocaleString('en')} leases of a live owner: ${(performance.now() - began).toFixed(1)} ms, removed ${idle.reclaimed.length}`,
  );
  for (const one of there) one.release();
  await twoWriters();
  await sweeps();
}

function measure({ most, register, unregister }: Case): { register: number; unregister: number } {
  const times: [number, number][] = [];
  for (let index = -50; index < most; index++) {
    const start = performance.now();
    const made = register(index) as never;
    const middle = performance.now();
    unregister(made, index);
    if (index >= 0) times.push([middle - start, performance.now() - middle]);
  }
  const median = (which: 0 | 1) => times.map((pair) => pair[which]).sort((a, b) => a - b)[times.length >> 1]! * 1000;
  return { register: median(0), unregister: median(1) };
}

async function twoWriters(): Promise<void> {
  const env = { ...process.env };
  writeFileSync(registry, '{}');
  for (const way of ['lease', 'json']) {
    const writers = [1, 2].map(() => fork(process.argv[1]!, [way, '500'], { env }));
    await Promise.all(writers.map((writer) => once(writer, 'message')));
    const kept =
      way === 'lease'
        ? readdirSync(folder).filter((name) => name.endsWith('.child')).length
        : Object.keys(JSON.parse(readFileSync(registry, 'utf8')) as object).length;
    console.log(`two processes register 500 each, ${way}: ${kept} of 1000 kept, ${1000 - kept} lost`);
    for (const writer of writers) {
      writer.kill('SIGKILL');
      await once(writer, 'exit');
    }
  }
}

async function sweeps(): Promise<void> {
  const idle = performance.now();
  await reclaim();
  for (let round = 0; round < 20; round++) await reclaim();
  console.log(`reclaim() with nothing to do: ${(((performance.now() - idle) / 21) * 1000).toFixed(0)} µs`);
}
