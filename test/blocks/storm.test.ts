import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { native } from '../../src/native/index.js';

const storm = fileURLToPath(new URL('storm.mjs', import.meta.url));

it.skipIf(native() === undefined)(
  'BlockPool loses nothing in a storm of operations and SIGKILLs',
  async () => {
    const isLong = process.env.WATERTIGHT_STRESS === '1';
    const size = isLong ? ['--operations', '1e8', '--kills', '500'] : ['--operations', '1e6', '--kills', '12'];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [storm, ...size], { timeout: 900_000 });
    const figures = JSON.parse(stdout) as Record<string, number>;
    if (isLong) console.log(stdout, stderr);
    expect(figures).toMatchObject({ lost: 0, held: 0, problems: [] });
    if (isLong) expect(figures.takeovers).toBeGreaterThanOrEqual(50);
  },
  900_000,
);
