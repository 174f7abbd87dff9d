import { EventEmitter } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { seededRandom } from '../../src/core/index.js';
import { ProcessSampler, sampleIsolate } from '../../src/monitor/index.js';
import { Scope } from '../../src/scope/index.js';

/** A resource that knows whether it is open. */
class Resource {
  isOpen = true;
  closes = 0;

  close(): void {
    this.isOpen = false;
    this.closes++;
  }
}

/**
 * Scopes side by side, with real resources: listeners, timers, descriptors. `WATERTIGHT_STRESS` runs the full
 * size: 100 scopes of 1,000 resources, 50 seeds.
 */
describe('many scopes at once, under random faults', () => {
  const isStress = process.env.WATERTIGHT_STRESS === '1';
  const SEEDS = isStress ? 50 : 3;
  const SCOPES = 100;
  const PER_SCOPE = isStress ? 1000 : 100;
  const MOST_FILES = 500;
  const emitter = new EventEmitter();
  emitter.setMaxListeners(0);
  afterAll(() => emitter.removeAllListeners());

  test(`${SEEDS} seeds of ${SCOPES} scopes × ${PER_SCOPE} resources leave nothing open`, {
    timeout: 1_800_000,
  }, async () => {
    // The gauges of the soak: what this isolate and this process hold, the kernel's part by identity.
    const sampler = new ProcessSampler();
    const { resources: resourcesBefore } = sampleIsolate();
    const before = sampler.sample();
    for (let seed = 1; seed <= SEEDS; seed++) {
      const random = seededRandom(seed);
      const made: Resource[] = [];
      let failing = 0;
      let openFiles = 0;
      const reports = await Promise.all(
        Array.from({ length: SCOPES }, async (_, index) => {
          const scope = new Scope(`s${index}`, { sites: 'off' });
          const children = [scope, scope.child('a'), scope.child('b').child('c')];
          for (let n = 0; n < PER_SCOPE; n++) {
            const owner = children[Math.floor(random() * children.length)]!;
            const kind = random();
            if (kind < 0.1) owner.on(emitter, 'event', () => {});
            else if (kind < 0.2) owner.interval('tick', 60_000, () => {});
            else if (kind < 0.25 && openFiles < MOST_FILES) {
              openFiles++;
              owner.acquire('file', () => openSync('/dev/null', 'r'), closeSync);
            } else {
              const isFailing = random() < 0.05;
              if (isFailing) failing++;
              const isAsync = random() < 0.3;
              const resource = new Resource();
              made.push(resource);
              const held = owner.hold('resource', resource, () => {
                resource.close();
                if (!isAsync) {
                  if (isFailing) throw new Error('sync');
                  return undefined;
                }
                return isFailing ? Promise.reject(new Error('later')) : new Promise((resolve) => setImmediate(resolve));
              });
              if (random() < 0.1) {
                if (isFailing) failing--;
                await Promise.resolve()
                  .then(() => held.release())
                  .catch(() => {});
              }
            }
          }
          return scope.close({ timeoutMs: 60_000 });
        }),
      );
      const sum = (of: (report: (typeof reports)[number]) => number) =>
        reports.reduce((total, each) => total + of(each), 0);
      expect(
        made.filter(({ isOpen }) => isOpen),
        `seed ${seed}`,
      ).toEqual([]);
      expect(
        made.every(({ closes }) => closes === 1),
        `seed ${seed}`,
      ).toBe(true);
      expect(
        sum(({ remaining }) => remaining),
        `seed ${seed}`,
      ).toBe(0);
      expect(
        sum(({ failures }) => failures.length),
        `seed ${seed}`,
      ).toBe(failing);
      expect(emitter.listenerCount('event')).toBe(0);
    }
    const after = sampler.sample();
    for (const kind of ['descriptors', 'sockets', 'children', 'segments'] as const) {
      expect(
        after[kind].filter((identity) => !before[kind].includes(identity)),
        kind,
      ).toEqual([]);
    }
    // The clock of closing runs out by itself; it is one timer.
    const { Timeout = 0, ...others } = sampleIsolate().resources;
    const { Timeout: timersBefore = 0, ...othersBefore } = resourcesBefore;
    expect(Timeout).toBeLessThanOrEqual(timersBefore + 1);
    expect(others).toEqual(othersBefore);
  });
});
