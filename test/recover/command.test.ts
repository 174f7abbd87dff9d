import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { FOLDERS, removeFolders } from '../../src/leases/own-lease-folder.fixture.js';
import { bundleProgram, OwnerProcess } from '../../src/leases/owner-process.fixture.js';

const CLI = process.env.WATERTIGHT_CLI ?? fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

let program: string;

beforeAll(async () => {
  program = await bundleProgram(new URL('../../src/leases/owner-program.fixture.ts', import.meta.url));
});
afterAll(() => {
  rmSync(program);
  removeFolders();
});

function command(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, 'reclaim', ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

it('watertight reclaim lists, says what it would remove, removes, and touches nothing of the living', async () => {
  const [living, killed] = [new OwnerProcess(program), new OwnerProcess(program)];
  await living.ask('segments', 1);
  const folder = await killed.ask<string>('folder');
  await killed.ask('segments', 25);
  await killed.ask('lock', 'one');
  await killed.kill();
  expect(command('--list')).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/^27 leases\n {2}segment .* and 7 more/s),
  });
  const dry = command('--dry-run');
  expect(dry).toMatchObject({ status: 0, stderr: '' });
  expect(dry.stdout).toMatch(
    /^27 would be reclaimed, of 1 dead owner\n.*… and 7 more \(--json has all\)\n1 lease of a live process, untouched\n$/s,
  );
  expect(existsSync(folder)).toBe(true);
  const json = command('--json');
  expect(JSON.parse(json.stdout)).toMatchObject({
    schema: 1,
    isDryRun: false,
    alive: 1,
    unknown: 0,
    failures: [],
    deadOwners: 1,
  });
  expect(JSON.parse(json.stdout).reclaimed).toHaveLength(26);
  expect(existsSync(folder)).toBe(false);
  expect(command()).toEqual({
    status: 0,
    stdout: 'nothing was left behind\n1 lease of a live process, untouched\n',
    stderr: '',
  });
  await living.kill();
  expect(command().stdout).toMatch(/^1 reclaimed, of 1 dead owner\n {2}segment {2}\/.*\n$/);
});

it('watertight reclaim refuses what it does not know', () => {
  expect(command('--all')).toMatchObject({
    status: 2,
    stdout: '',
    stderr: expect.stringMatching(/--all.*\n.*--help lists the options/),
  });
  expect(command('now')).toMatchObject({ status: 2, stderr: expect.stringMatching(/now/) });
  expect(command('--help')).toMatchObject({ status: 0, stdout: expect.stringMatching(/--dry-run/) });
  expect(FOLDERS.leases).not.toBe('/dev/shm');
});
