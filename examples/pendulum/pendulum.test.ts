import { expect, it } from 'vitest';
import { SlidingModeController } from './controller.js';
import { accelerations, integrate, START, type State } from './plant.js';
import { DT_S, Rig } from './rig.js';

/** Published check points of the Lagrangian plant, not taken from this code. */
const MOVING: State = [0, 0.1, 0.05, 0.2, 0.5, 0.3];

function expectClose(actual: readonly number[], expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  for (const [i, value] of expected.entries()) expect(actual[i]).toBeCloseTo(value, 7);
}

it('accelerations() agrees with the Lagrangian plant, free and pushed', () => {
  expectClose(accelerations(MOVING, 0), [-0.16954497, 3.21443983, -1.93943968]);
  expectClose(accelerations(MOVING, 10), [6.06835749, -12.21435466, -2.15962986]);
});

it('integrate() falls as the plant does when nobody controls it', () => {
  let state: State = START;
  for (let i = 0; i < 500; i++) state = integrate(state, 0, DT_S);
  expectClose(state, [-0.015816581, 0.5514482289, -0.9546602954, -0.0831890308, 2.6052709525, -4.987163298]);
});

it('SlidingModeController.control() brings both links within 1 mrad in 2.5 s, and keeps them there', () => {
  const controller = new SlidingModeController();
  let state: State = START;
  let lastOutside = 0;
  for (let step = 1; step <= 10_000; step++) {
    state = integrate(state, controller.control(state), DT_S);
    if (Math.max(Math.abs(state[1]), Math.abs(state[2])) >= 0.001) lastOutside = step;
  }
  expect(lastOutside * DT_S).toBeLessThan(2.5);
});

it('SlidingModeController.history keeps every record without a limit, and the newest ones with it', () => {
  const endless = new SlidingModeController();
  const bounded = new SlidingModeController({ historyCapacity: 10 });
  new Rig(endless).run(25);
  new Rig(bounded).run(25);
  expect(endless.history).toHaveLength(25);
  const kept = bounded.history.map((record) => record.step).sort((a, b) => a - b);
  expect(kept).toEqual([15, 16, 17, 18, 19, 20, 21, 22, 23, 24]);
});
