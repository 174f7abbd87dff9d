import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { closeReportText } from './report-text.js';
import { Scope } from './scope.js';
import { ageText } from './tree.js';

test('tree() is plain data: path, age, state and place of everything held', async () => {
  const root = new Scope('app', { sites: 'always' });
  root.hold('config', 1, () => {});
  root
    .acquire(
      'feed',
      () => new Promise(() => {}),
      () => {},
    )
    .catch(() => {});
  root.child('db').hold('pool', 2, () => {});
  const data = JSON.parse(JSON.stringify(root.tree()));
  expect(data).toMatchObject({
    name: 'app',
    state: 'open',
    resources: [
      { name: 'config', state: 'held', acquiredAt: expect.stringMatching(/tree\.test\.ts:\d+$/) },
      { name: 'feed', state: 'acquiring' },
    ],
    children: [{ name: 'db', resources: [{ name: 'pool' }], children: [] }],
  });
  expect(data.resources[0].ageMs).toBeGreaterThanOrEqual(0);
  await root.close({ timeoutMs: 20 });
});

test('prints as a tree, without control characters, at most 20 lines of a kind', () => {
  const root = new Scope('app', { sites: 'off' });
  for (let n = 0; n < 100_000; n++) root.hold(`item ${n}`, n, () => {});
  root.child('evil\u001b[2J\nname').hold('\u202ereversed', 1, () => {});
  const tree = root.tree();
  const text = String(tree);
  expect(inspect(tree)).toBe(text);
  expect(text).toMatch(/^app {2}\d+ m?s, holds 100001\n├─ item 0 {2}\d+ (ms|s)\n/);
  expect(text).toContain('├─ … 99,981 more resources\n└─ evil name  ');
  expect(text.split('\n')).toHaveLength(1 + 20 + 2);
  expect(text).toContain('   └─ reversed');
});

test('ageText() has one number and its unit', () => {
  expect([0, 999, 1000, 4540, 9940, 9960, 119_000, 120_000, 7_200_000, 172_800_000].map(ageText)).toEqual([
    '0 ms',
    '999 ms',
    '1.0 s',
    '4.5 s',
    '9.9 s',
    '10 s',
    '119 s',
    '2 min',
    '2 h',
    '2 d',
  ]);
});

test('closeReportText() names what failed and what is still held', async () => {
  const scope = new Scope('app', { sites: 'always' });
  scope.hold('socket', 1, () => new Promise(() => {}), { timeoutMs: 10 });
  scope.defer('flush', () => {
    throw new Error('disk\nfull \u001b[31m');
  });
  const text = closeReportText(await scope.close());
  expect(text).toMatch(/^closed app in \d+ ms: 1 of 2 released, 1 still held, 1 failure$/m);
  expect(text).toMatch(
    /^ {2}stuck {3}app\/socket: releasing for \d+ ms, \d+ ms old, acquired at .*tree\.test\.ts:\d+$/m,
  );
  expect(text).toMatch(
    /^ {2}failed {2}app\/flush: release: Error: disk full \(.*tree\.test\.ts:\d+\), acquired at .*tree\.test\.ts:\d+$/m,
  );
});

test('closeReportText() tells what a failure came from: its causes, and the errors that it stands for', async () => {
  const scope = new Scope('app', { sites: 'off' });
  scope.defer('database', () => {
    throw new Error('cannot flush', { cause: new Error('ENOSPC', { cause: 'quota' }) });
  });
  scope.defer('many', () => {
    throw new AggregateError([new Error('first'), new TypeError('second')], 'two of two');
  });
  const circle = new Error('circle');
  circle.cause = circle;
  scope.defer('circle', () => Promise.reject(circle));
  const text = closeReportText(await scope.close()).replace(/ \([^)]*\)/g, '');
  expect(text.split('\n').slice(1)).toEqual([
    '  failed  app/circle: release: Error: circle',
    ...Array.from({ length: 5 }, () => '          ← Error: circle'),
    '  failed  app/many: release: AggregateError: two of two',
    '          · Error: first',
    '          · TypeError: second',
    '  failed  app/database: release: Error: cannot flush',
    '          ← Error: ENOSPC',
    "          ← 'quota'",
  ]);
});
