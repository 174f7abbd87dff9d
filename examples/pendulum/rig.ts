import { force, type SlidingModeController } from './controller.js';
import { integrate, START, type State } from './plant.js';

/** Control period, and with it the integration step. */
export const DT_S = 0.001;
/** How far ahead the safety check looks, in control steps. */
const LOOK_AHEAD_STEPS = 200;
const PUSH_N = 5;
const PUSH_EVERY_STEPS = 2000;
const PUSH_STEPS = 100;
/** A link further from upright than this cannot be caught by the motor. */
export const SAFE_ANGLE_RAD = 0.5;

/** A pendulum under control: somebody pushes the cart with 5 N for 0.1 s every 2 s, for ever. */
export class Rig {
  state: State = START;
  #steps = 0;
  readonly #controller: SlidingModeController;

  constructor(controller: SlidingModeController) {
    this.#controller = controller;
  }

  /** Runs `steps` control periods, then checks that the links would stay up. Throws `RangeError` when they fall. */
  run(steps: number): void {
    for (let i = 0; i < steps; i++) {
      const isPushed = this.#steps++ % PUSH_EVERY_STEPS >= PUSH_EVERY_STEPS - PUSH_STEPS;
      this.state = integrate(this.state, this.#controller.control(this.state) + (isPushed ? PUSH_N : 0), DT_S);
    }
    const peakRad = predictPeakAngle(this.state);
    if (!(peakRad < SAFE_ANGLE_RAD)) throw new RangeError(`Cannot hold the pendulum: ${peakRad} rad is ahead`);
  }
}

/** Largest angle (rad) of either link in the next 0.2 s if nobody pushes. */
function predictPeakAngle(state: State): number {
  let peakRad = 0;
  let ahead = state;
  for (let i = 0; i < LOOK_AHEAD_STEPS; i++) {
    ahead = integrate(ahead, force(ahead), DT_S);
    peakRad = Math.max(peakRad, Math.abs(ahead[1]), Math.abs(ahead[2]));
  }
  return peakRad;
}
