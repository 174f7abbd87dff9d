import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/index.js';
import { lease, reclaim } from '../../src/leases/index.js';
import { FOLDERS, left, removeFolders, sleepers } from '../../src/leases/own-lease-folder.fixture.js';
import { bundleProgram } from '../../src/leases/owner-process.fixture.js';
import { Segment } from '../../src/shm/index.js';

const KILLS = process.env.WATERTIGHT_STRESS ? 10_000 : 60;
const AT_ONCE = 4;
const SEED = Number(process.env.WATERTIGHT_SEED ?? 5);

let program: string;

beforeAll(async () => {
  program = await bundleProgram(new URL('./storm-program.ts', import.meta.url));
});
afterAll(() => {
  rmSync(program);
  removeFolders();
});

it(`leaves nothing of ${KILLS} processes that were killed at random, and touches nothing of a live one`, async () => {
  const random = seededRandom(SEED);
  const [segment, folder] = [Segment.create({ bytes: 4096, name: 'living' }), lease.folder({ label: 'living' })];
  new Int32Array(segment.buffer, 0, 1)[0] = 7;
  let kills = 0;
  let reclaimed = 0;
  while (kills < KILLS) {
    await Promise.all(Array.from({ length: AT_ONCE }, () => runAndKill(random() * 40)));
    kills += AT_ONCE;
    // Two at once, as two who saw the deaths would.
    const reports = await Promise.all([reclaim(), reclaim()]);
    reclaimed += Math.max(...reports.map((report) => report.reclaimed.length));
    expect({ entries: left(), sleepers: sleepers(), kills, seed: SEED }).toEqual({
      entries: [],
      sleepers: [],
      kills,
      seed: SEED,
    });
  }
  console.log(`${kills} killed (seed ${SEED}), ${reclaimed} leases reclaimed, 0 left`);
  expect(reclaimed).toBeGreaterThan(kills / 4);
  expect([new Int32Array(segment.buffer, 0, 1)[0], readdirSync(folder.path)]).toEqual([7, []]);
  segment.close();
  folder.release();
}, 3_600_000);

/** The kill comes so many ms after the process began to lease. */
async function runAndKill(afterMs: number): Promise<void> {
  const child = fork(program, [FOLDERS.temp], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], execArgv: [] });
  const ended = once(child, 'exit');
  await once(child, 'message');
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  child.kill('SIGKILL');
  const [, signal] = await ended;
  expect(signal).toBe('SIGKILL');
}
