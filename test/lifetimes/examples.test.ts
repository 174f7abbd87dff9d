import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

/** What a soak of each example without its owner has to name: kind of leak, and a word of its path or place. */
const PAIRS: readonly [name: string, clean: string, leaky: string, kind: string, culprit: RegExp][] = [
  ['scope', 'lifetimes/scope', 'lifetimes/scope.leaky', 'listener', /prices/],
  ['pool', 'lifetimes/pool', 'lifetimes/pool.leaky', 'file-descriptor', /pool\.leaky\.mjs/],
  ['tasks', 'lifetimes/tasks', 'lifetimes/tasks.leaky', 'heap-objects', /tasks\.leaky\.mjs mail/],
  ['startup', 'lifetimes/startup', 'lifetimes/startup.leaky', 'file-descriptor', /openConfig|startup\.leaky\.mjs/],
  ['bounded', 'lifetimes/bounded', 'lifetimes/bounded.leaky', 'heap-objects', /history/],
  ['weak', 'lifetimes/weak', 'lifetimes/weak.leaky', 'listener', /document/],
  ['threads', 'lifetimes/threads', 'lifetimes/threads.leaky', 'thread', /openThread|threads\.leaky\.mjs/],
  ['connections', 'hub/soak', 'hub/leaky', 'listener', /news/],
  ['warm', 'hot-reload/soak', 'hot-reload/leaky', 'heap-objects', /leaky\.mjs/],
];
/** The rest is for `npm run stress`: each soak takes up to a minute. */
const SHORT = ['scope', 'pool'];
const isStress = process.env.WATERTIGHT_STRESS === '1';
const BUDGET = '90s';
const TEST_MS = 240_000;

interface Report {
  readonly verdict: string;
  readonly leaks: { kind: string; pathText: string; allocatedAt: { file: string; function: string } | null }[];
}

function soak(example: string): Promise<{ code: number; report: Report; stderr: string }> {
  const args = [resolve('dist/cli/main.js'), 'soak', `examples/${example}.mjs`, '--budget', BUDGET, '--json', '-'];
  return new Promise((done) => {
    execFile(process.execPath, args, { maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      const code = error ? Number((error as { code?: unknown }).code ?? -1) : 0;
      done({ code, report: stdout === '' ? { verdict: 'none', leaks: [] } : (JSON.parse(stdout) as Report), stderr });
    });
  });
}

describe.each(PAIRS.filter(([name]) => isStress || SHORT.includes(name)))(
  'the example of %s',
  (_name, clean, leaky, kind, culprit) => {
    test('is clean with its owner', { timeout: TEST_MS }, async () => {
      const { code, report, stderr } = await soak(clean);
      expect(report.leaks, stderr).toEqual([]);
      expect({ code, verdict: report.verdict }).toEqual({ code: 0, verdict: 'clean' });
    });

    test('leaks without it, and the report names what', { timeout: TEST_MS }, async () => {
      const { code, report, stderr } = await soak(leaky);
      expect({ code, verdict: report.verdict }, stderr).toEqual({ code: 1, verdict: 'leak' });
      const found = report.leaks.map(
        ({ kind, pathText, allocatedAt }) => `${kind} ${pathText} ${allocatedAt?.file} ${allocatedAt?.function}`,
      );
      expect(found).toContainEqual(expect.stringMatching(new RegExp(`^${kind} .*(${culprit.source})`)));
    });
  },
);

test('each example and its leaky twin are the same but for the owner', () => {
  for (const [name, clean, leaky] of PAIRS) {
    const lines = (path: string) => readFileSync(`examples/${path}.mjs`, 'utf8').split('\n');
    const kept = new Set(lines(leaky));
    // These replace their owner by what one writes without it.
    if (['threads', 'connections', 'warm'].includes(name)) continue;
    const gone = lines(clean).filter((line) => !kept.has(line) && !/^(import|\/\*\*)/.test(line));
    expect(gone.length, name).toBeLessThanOrEqual(2);
    expect(gone.length, name).toBeGreaterThan(0);
  }
});
