import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';

it('docs/errors.md says what the code says', () => {
  const check = spawnSync(process.execPath, ['scripts/errors-table.mjs', '--check'], { encoding: 'utf8' });
  expect(check.stderr).toBe('');
  expect(check.status).toBe(0);
});
