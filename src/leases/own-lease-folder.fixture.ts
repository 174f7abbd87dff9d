import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';

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
