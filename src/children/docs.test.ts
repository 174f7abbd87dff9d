import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { LINES_OPTION_NAMES } from './lines.js';
import { CHILDREN_OPTION_NAMES, FORK_OPTION_NAMES } from './settings.js';

test('docs/children.md names every option', () => {
  const page = readFileSync(new URL('../../docs/children.md', import.meta.url), 'utf8');
  const inTables = [...CHILDREN_OPTION_NAMES, ...FORK_OPTION_NAMES];
  expect(inTables.filter((name) => !new RegExp(`^\\| \`${name}\` +\\|`, 'm').test(page))).toEqual([]);
  expect(LINES_OPTION_NAMES.filter((name) => !new RegExp(`[\`{,] ?${name}\\b`).test(page))).toEqual([]);
});
