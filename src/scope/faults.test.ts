import { describe, expect, test } from 'vitest';
import { Scope } from './scope.js';

const RESOURCES = 30;
const CLOSE_MS = 120;
const MARGIN_MS = 50;

/** A resource that knows whether it is open. */
class Resource {
  isOpen = true;
  closes = 0;

  close(): void {
    this.isOpen = false;
    this.closes++;
  }
}

type Fault = 'throws' | 'rejects' | 'hangs' | 're-enters' | 're-enters later';
const FAULTS: readonly Fault[] = ['throws', 'rejects', 'hangs', 're-enters', 're-enters later'];

/** What a release does when it is the one that fails. Each closes its resource first, so that only a hang leaves one. */
function failingRelease(fault: Fault, scope: Scope, resource: Resource): unknown {
  if (fault === 'hangs') return new Promise(() => {});
  resource.close();
  if (fault === 'throws') throw new Error('release');
  if (fault === 'rejects') return Promise.reject(new Error('release'));
  if (fault === 're-enters') return scope.close();
  return Promise.resolve().then(() => scope.close());
}

/** Opens `count` resources, the n-th of which fails; every one that was made is in `made`. */
function openAll(scope: Scope, count: number, at: number, fault: Fault | null, made: Resource[], isAsync: boolean) {
  const waits: Promise<unknown>[] = [];
  for (let n = 0; n < count; n++) {
    const release = (resource: Resource) => {
      if (n === at && fault !== null) return failingRelease(fault, scope, resource);
      resource.close();
      return isAsync ? Promise.resolve() : undefined;
    };
    const open = () => {
      const resource = new Resource();
      made.push(resource);
      return resource;
    };
    if (isAsync) waits.push(scope.acquire(`r${n}`, async () => open(), release));
    else scope.acquire(`r${n}`, open, release);
  }
  return Promise.all(waits);
}

describe('the n-th release fails, for every n of 1 to 30 resources', () => {
  test.for(FAULTS)(
    '%s: nothing stays open, every failure is in the report, and close returns in time',
    async (fault) => {
      const isHang = fault === 'hangs' || fault === 're-enters later';
      const runs: Promise<void>[] = [];
      for (let count = 1; count <= RESOURCES; count++) {
        for (let at = 0; at < count; at++) {
          for (const isAsync of [false, true]) {
            // The slow faults in one size each, all positions of it: they run side by side.
            if (isHang && count !== RESOURCES && at !== 0 && at !== count - 1) continue;
            runs.push(oneRun(count, at, isAsync, fault));
          }
        }
      }
      await Promise.all(runs);
      expect(runs.length).toBeGreaterThan(100);
    },
  );

  async function oneRun(count: number, at: number, isAsync: boolean, fault: Fault): Promise<void> {
    const scope = new Scope('faults', { sites: 'off' });
    const made: Resource[] = [];
    await openAll(scope, count, at, fault, made, isAsync);
    const report = await scope.close({ timeoutMs: CLOSE_MS });
    const isHang = fault === 'hangs' || fault === 're-enters later';
    expect(report.initial).toBe(count);
    expect(report.released + report.remaining).toBe(count);
    expect(report.remaining).toBe(isHang ? 1 : 0);
    expect(report.stuck.map(({ path }) => path)).toEqual(isHang ? [`faults/r${at}`] : []);
    const isError = fault === 'throws' || fault === 'rejects';
    expect(report.failures.map(({ path }) => path)).toEqual(isError ? [`faults/r${at}`] : []);
    const open = made.filter(({ isOpen }) => isOpen);
    expect(open).toEqual(fault === 'hangs' ? [made[at]] : []);
    expect(made.every(({ closes }) => closes <= 1)).toBe(true);
    expect(report.entries()).toHaveLength(count);
  }

  test('returns by its deadline + 50 ms wherever the hang is', async () => {
    for (let at = 0; at < RESOURCES; at += 7) {
      const scope = new Scope('faults', { sites: 'off' });
      const made: Resource[] = [];
      await openAll(scope, RESOURCES, at, 'hangs', made, true);
      const before = performance.now();
      await scope.close({ timeoutMs: CLOSE_MS });
      expect(performance.now() - before).toBeLessThan(CLOSE_MS + MARGIN_MS);
    }
  });
});

describe('the n-th acquisition fails, for every n of 1 to 30 resources', () => {
  type AcquireFault = 'throws' | 'rejects' | 'hangs' | 'closes the scope';

  test.for<AcquireFault>(['throws', 'rejects', 'hangs', 'closes the scope'])(
    '%s: nothing stays open, and the caller or the report is told',
    async (fault) => {
      await Promise.all(Array.from({ length: RESOURCES }, (_, at) => oneRun(at, fault)));
    },
  );

  async function oneRun(at: number, fault: AcquireFault): Promise<void> {
    const made: Resource[] = [];
    const parent = new Scope('parent', { sites: 'off', closeTimeoutMs: CLOSE_MS });
    const work = parent.build('faults', async (scope) => {
      for (let n = 0; n < RESOURCES; n++) {
        await scope.acquire<Resource>(
          `r${n}`,
          async () => {
            if (n === at && fault === 'throws') throw new Error('acquire');
            if (n === at && fault === 'rejects') return await Promise.reject(new Error('acquire'));
            if (n === at && fault === 'hangs') return await new Promise<Resource>(() => {});
            if (n === at && fault === 'closes the scope') void scope.close();
            const resource = new Resource();
            made.push(resource);
            return resource;
          },
          (resource) => resource.close(),
        );
      }
    });
    if (fault === 'hangs') {
      const refused = expect(work).rejects.toEqual(
        expect.objectContaining({ code: expect.stringMatching(/^WT_SCOPE/) }),
      );
      // All that come before the hanging one are there by now, or will be refused.
      await Promise.resolve();
      const report = await parent.close();
      await refused;
      expect(report.stuck.every(({ state }) => state === 'acquiring')).toBe(true);
    } else {
      await expect(work).rejects.toThrow(fault === 'closes the scope' ? /cannot be acquired/ : 'acquire');
      expect(await parent.close()).toMatchObject({ status: 'completed', remaining: 0 });
    }
    expect(made.filter(({ isOpen }) => isOpen)).toEqual([]);
    expect(made.every(({ closes }) => closes <= 1)).toBe(true);
  }
});
