import { expect, test } from 'vitest';
import type { CloseReport } from '../scope/index.js';
import type { StartupReport, StepReport } from './report.js';
import { startupText } from './startup-text.js';

const step = (name: string, more: Partial<StepReport> = {}): StepReport => ({
  phase: 'dependencies',
  name,
  status: 'completed',
  impact: 'blocking',
  durationMs: 12,
  checks: [],
  isAbandoned: false,
  ...more,
});
const report = (steps: StepReport[], more: Partial<StartupReport> = {}): StartupReport => ({
  status: 'completed',
  policy: 'degrade',
  durationMs: 5_021,
  timeoutMs: 30_000,
  phases: [{ name: 'dependencies', durationMs: 5_020, timeoutMs: 15_000, steps }],
  watchdog: 'on',
  ...more,
});

test('startupText() is a tree with a line a step: times, limits, impact, reason, place, counts, rollback', () => {
  const steps = [
    step('config', {
      checks: [
        { name: 'keys', expected: 9, actual: 7, status: 'warning' },
        { name: 'files', expected: 1, actual: 1, status: 'healthy' },
      ],
    }),
    step('database', {
      status: 'timeout',
      durationMs: 5_000,
      error: new Error('Cannot finish it', { cause: new Error('connect ECONNREFUSED 127.0.0.1:5432') }),
      isAbandoned: true,
      declaredAt: 'src/app.ts:12',
    }),
    step('cache', { status: 'skipped', durationMs: 0, impact: 'degraded', reason: 'it needs database' }),
  ];
  const rollback = {
    status: 'timeout',
    initial: 3,
    released: 1,
    durationMs: 40,
    stuck: [{ path: 'app/start-up/dependencies/database/pool' }],
    failures: [
      { path: 'app/start-up/dependencies/config/file', error: new Error('EBADF: bad file\n', { cause: 'disk\u0007' }) },
    ],
  } as unknown as CloseReport;
  const services = {
    name: 'services',
    durationMs: 0,
    timeoutMs: 15_000,
    steps: [step('http', { status: 'cancelled' })],
  };
  const { phases } = report(steps);
  const text = startupText(report(steps, { status: 'failed', rollback, phases: [...phases, services] }));
  expect(text.split('\n')).toEqual([
    'start-up failed after 5.02 s of 30 s, degrade',
    '├─ dependencies  5.02 s of 15 s',
    '│  ├─ ✓ config    12 ms  warning: 7 of 9 keys',
    '│  ├─ ✗ database  timeout after 5 s  blocking  Cannot finish it ← connect ECONNREFUSED 127.0.0.1:5432  still running, abandoned  src/app.ts:12',
    '│  └─ – cache     skipped  degraded  it needs database',
    '└─ services  0 ms of 15 s',
    '   └─ – http  cancelled after 12 ms  blocking',
    'rolled back: 1 of 3 released in 40 ms, timeout; still held: app/start-up/dependencies/database/pool; failed: app/start-up/dependencies/config/file (EBADF: bad file ← disk)',
  ]);
});

test('startupText() takes control characters out of names and messages, and cuts what is long', () => {
  const text = startupText(
    report([
      step('a\u001b[31mb\nc', { status: 'failed', error: new Error(`\u001b]0;title\u0007${'x'.repeat(10_000)}`) }),
      step('thrown', { status: 'failed', error: { toString: () => 'text\u0007' } }),
    ]),
  );
  expect(text).toContain('✗ ab c');
  expect(text).toMatch(/✗ thrown\s+failed .* text$/m);
  expect([...text].filter((character) => character < ' ' && character !== '\n')).toEqual([]);
  expect(text.length).toBeLessThan(1_000);
});

test('startupText() tells causes, also those in a circle, of many errors, or without a text', () => {
  const circle = new Error('a');
  circle.cause = new Error('b', { cause: circle });
  const refused = new AggregateError([
    new Error('connect ECONNREFUSED ::1:1'),
    new Error('connect ECONNREFUSED 127.0.0.1:1'),
  ]);
  const errors = [
    circle,
    new Error('Cannot connect', { cause: refused }),
    Object.create(null),
    new Error('x', { cause: Object.create(null) }),
  ];
  const text = startupText(
    report(errors.map((error, at) => step(`s${at}`, { status: 'failed', durationMs: 1, error }))),
  );
  expect(text.split('\n').slice(2)).toEqual([
    '   ├─ ✗ s0  failed after 1 ms  blocking  a ← b ← a ← b ← a',
    '   ├─ ✗ s1  failed after 1 ms  blocking  Cannot connect ← connect ECONNREFUSED ::1:1, connect ECONNREFUSED 127.0.0.1:1',
    '   ├─ ✗ s2  failed after 1 ms  blocking  an object that has no text',
    '   └─ ✗ s3  failed after 1 ms  blocking  x ← an object that has no text',
  ]);
});
