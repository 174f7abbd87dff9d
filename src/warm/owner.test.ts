import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { beforeAll, describe, expect, test } from 'vitest';
import { reclaim } from '../leases/index.js';
import { bundled } from './bundled.fixture.js';

let engine: string;
let owner: string;
beforeAll(async () => {
  engine = await bundled(new URL('./engine.fixture.ts', import.meta.url));
  owner = await bundled(new URL('./owner.fixture.ts', import.meta.url));
});

/** State of a process; undefined when there is none. */
function stateOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]![0];
  } catch {
    return undefined;
  }
}

async function start(kind: string, what: 'close' | 'stay') {
  const child = spawn(process.execPath, [owner, engine, kind, what], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const [line] = await once(createInterface(child.stdout), 'line');
  return { child, exited, members: JSON.parse(line) as number[] };
}

describe.each(['worker', 'process'])('the program of a pool of kind %s', (kind) => {
  test('ends by itself when its members are only warm', async () => {
    const { exited } = await start(kind, 'close');
    expect(await exited).toEqual([0, null]);
  });

  test('that is killed takes its members with it', async () => {
    const { child, exited, members } = await start(kind, 'stay');
    child.kill('SIGKILL');
    expect(await exited).toEqual([null, 'SIGKILL']);
    // What the kernel's signal has not ended yet is ended by the sweep.
    await reclaim();
    const gone = (pid: number) => [undefined, 'Z', 'X'].includes(stateOf(pid));
    if (kind === 'process') expect(members.map(gone)).toEqual([true, true]);
  });
});
