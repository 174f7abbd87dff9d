import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { EXCLUSIVE_OPTION_NAMES } from './exclusive.js';
import { POOL_OPTION_NAMES, RECYCLE_OPTION_NAMES, RUN_OPTION_NAMES } from './pool-options.js';
import { LOCAL_OPTION_NAMES } from './thread-local.js';
import { REGISTRATION_NAMES } from './thread-record.js';
import { REGISTRY_OPTION_NAMES } from './thread-registry.js';

test('docs/threads.md names every option', () => {
  const page = readFileSync(new URL('../../docs/threads.md', import.meta.url), 'utf8');
  const inTables = [
    ...POOL_OPTION_NAMES.filter((name) => name !== 'recycleAfter'),
    ...RECYCLE_OPTION_NAMES.map((name) => `recycleAfter.${name}`),
    ...REGISTRY_OPTION_NAMES,
    ...EXCLUSIVE_OPTION_NAMES,
  ];
  expect(inTables.filter((name) => !new RegExp(`^\\| \`${name}\` +\\|`, 'm').test(page))).toEqual([]);
  const inText = [...RUN_OPTION_NAMES, ...LOCAL_OPTION_NAMES, ...REGISTRATION_NAMES];
  expect(inText.filter((name) => !new RegExp(`[\`{,] ?${name}\\b`).test(page))).toEqual([]);
});
