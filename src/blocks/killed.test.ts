import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { native } from '../native/index.js';
import { bundle } from './bundle.fixture.js';
import { BlockPool } from './index.js';
import { labels } from './protocol-builds.fixture.js';

const stepping = await bundle('stepping');
const program = fileURLToPath(new URL('killed-program.fixture.mjs', import.meta.url));

interface Told {
  readonly labels: readonly string[];
  readonly pictures: readonly Record<string, number>[];
}

interface Ended {
  readonly signal: string | null;
  readonly told: Told | null;
  readonly stderr: string;
}

/** Ends when the program does. */
function runProgram(pool: BlockPool, label = ''): Promise<Ended> {
  return new Promise((resolve) => {
    const args = [program, stepping, JSON.stringify(pool.handle), label];
    execFile(process.execPath, args, (error, stdout, stderr) => {
      const signal = (error?.signal as string | undefined) ?? null;
      resolve({ signal, told: stdout === '' ? null : (JSON.parse(stdout) as Told), stderr });
    });
  });
}

function makePool(): BlockPool {
  const pool = new BlockPool({ totalBlocks: 10, blockBytes: 8, layers: 2, maxAgents: 8, maxParticipants: 8 });
  // An agent that holds nothing and is somebody else's.
  pool.free(pool.allocate(1, 0, 'empty'), 'empty');
  return pool;
}

function heldBy(pool: BlockPool): Record<string, number> {
  const held = pool.usage().agents.filter(({ references }) => references > 0);
  return Object.fromEntries(held.map(({ name, references }) => [name, references]));
}

/** What only happens after another death: the lock is taken over from one who was killed in the middle of a free. */
async function leaveDead(pool: BlockPool): Promise<void> {
  const { signal } = await runProgram(pool, 'free.one');
  expect(signal).toBe('SIGKILL');
}

const pools: BlockPool[] = [];
afterAll(() => {
  for (const pool of pools) pool.close();
});

async function dryRun(isAfterDeath: boolean): Promise<Told> {
  const pool = makePool();
  pools.push(pool);
  if (isAfterDeath) await leaveDead(pool);
  const { told, stderr } = await runProgram(pool);
  expect(stderr).toBe('');
  return told!;
}

/** After a SIGKILL at `label`: the pool is whole, each operation happened or did not, and the pool goes on. */
async function killAt(label: string, isAfterDeath: boolean, pictures: Told['pictures']): Promise<void> {
  const pool = makePool();
  pools.push(pool);
  if (isAfterDeath) await leaveDead(pool);
  const { signal } = await runProgram(pool, label);
  expect({ label, signal }).toEqual({ label, signal: 'SIGKILL' });
  pool.recover();
  expect(pool.audit({ deep: true })).toMatchObject({ ok: true, problems: [] });
  expect(pictures.map((one) => JSON.stringify(one))).toContain(JSON.stringify(heldBy(pool)));
  for (const name of Object.keys(heldBy(pool))) {
    pool.adopt(name);
    pool.freeAgent(name);
  }
  const { totalBlocks, participants } = pool.usage();
  expect(participants).toHaveLength(1);
  expect(pool.allocate(totalBlocks, 1, 'all')).toHaveLength(totalBlocks);
}

/** Two at a time: the machine may have two cores. */
async function inPairs(names: readonly string[], work: (name: string) => Promise<void>): Promise<void> {
  for (let i = 0; i < names.length; i += 2) await Promise.all(names.slice(i, i + 2).map(work));
}

const MINUTES_MS = 180_000;

describe.skipIf(native() === undefined)('a process that is killed before any step of the protocol', () => {
  it('leaves a pool that is whole, and each operation done or not done', { timeout: MINUTES_MS }, async () => {
    const alone = await dryRun(false);
    const after = await dryRun(true);
    const onlyAfter = after.labels.filter((label) => !alone.labels.includes(label));
    const never = labels().filter((label) => !alone.labels.includes(label) && !after.labels.includes(label));
    // Numbers start anew after 2³¹ operations; the rest needs two in the same microsecond.
    expect(never.filter((label) => !/^renumber\.|^lock\.retake$/.test(label))).toEqual([]);
    // Who dies while it registers has nothing yet; its slot stays claimed.
    const registering = ['register.uid', 'register.live'];
    await inPairs(
      alone.labels.filter((label) => !registering.includes(label)),
      (label) => killAt(label, false, alone.pictures),
    );
    await inPairs(onlyAfter, (label) => killAt(label, true, [...after.pictures, ...alone.pictures]));
  });
});
