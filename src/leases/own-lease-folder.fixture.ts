import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { procStat } from '../core/index.js';
import { isRunning, processPids, processVariable } from '../processes/index.js';
import { thisOwner } from './index.js';

// Leases of a test file are its own: imported first, before the place of leases is looked up. In memory, as in production.
const folder = mkdtempSync('/dev/shm/wt-test-');
const temp = mkdtempSync(`${tmpdir()}/wt-test-`);
process.env.WATERTIGHT_LEASE_DIR = folder;
process.env.TMPDIR = temp;

/** The folder of leases and the folder for temporary files of this test file and the processes that it starts. */
export const FOLDERS = { leases: folder, temp };

export function removeFolders(): void {
  for (const path of [folder, temp]) rmSync(path, { recursive: true, force: true });
}

/** Entries of both folders but for those of this process. */
export function left(): string[] {
  const own = thisOwner().uid;
  return [...readdirSync(folder), ...readdirSync(temp)].filter((name) => !name.includes(own));
}

/** What sleeps with the environment of these tests: the children of killed owners. */
export function sleepers(): number[] {
  return processPids().filter((pid) => {
    const stat = procStat(pid);
    return stat?.name === 'sleep' && isRunning(stat) && processVariable(pid, 'WATERTIGHT_LEASE_DIR') === folder;
  });
}
