import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { OPEN_OPTION_NAMES, POOL_OPTION_NAMES } from './warm-options.js';

test('docs/warm.md names every option', () => {
  const page = readFileSync(new URL('../../docs/warm.md', import.meta.url), 'utf8');
  const missing = [...POOL_OPTION_NAMES, ...OPEN_OPTION_NAMES].filter(
    (name) => !new RegExp(`^\\| \`${name}\` +\\|`, 'm').test(page),
  );
  expect(missing).toEqual([]);
});
