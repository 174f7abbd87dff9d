import { accelerations, type State } from './plant.js';

/**
 * The sliding surface σ = S · state over all six states, S = K / (K · B), with K from a linear-quadratic design at
 * upright (Q = diag(1000, 100, 100, 1, 10, 10), R = 0.01). A surface over the two angles alone leaves the cart free
 * and the links fall within 0.6 s.
 */
const SURFACE: State = [4.2525242905, -17.9719155329, 36.2263931628, 4.0042920469, 0.94001349, 5.2529951118];

const SWITCHING_GAIN = 2;
const LINEAR_GAIN = 8;
/** Half-width of the boundary layer in which the switching is smooth, so that the force does not chatter. */
const BOUNDARY = 0.3;
const FORCE_LIMIT_N = 150;

/** What one control step saw and did. */
export class ControlRecord {
  constructor(step: number, surface: number, forceN: number, state: State) {
    this.step = step;
    this.surface = surface;
    this.forceN = forceN;
    this.state = state;
  }

  readonly step: number;
  readonly surface: number;
  readonly forceN: number;
  readonly state: State;
}

export interface ControllerOptions {
  /** Most records to keep, from 1; when full, each new one replaces the oldest. No limit by default. */
  readonly historyCapacity?: number;
}

/** Holds a double inverted pendulum upright and remembers what it did in `history`. */
export class SlidingModeController {
  readonly history: ControlRecord[] = [];
  readonly #capacity: number;
  #steps = 0;

  constructor({ historyCapacity = Number.POSITIVE_INFINITY }: ControllerOptions = {}) {
    this.#capacity = historyCapacity;
  }

  /** Force on the cart (N, within ±150) for this state; records the step. */
  control(state: State): number {
    const surface = dot(SURFACE, state);
    const forceN = force(state, surface);
    this.record(surface, forceN, state);
    return forceN;
  }

  record(surface: number, forceN: number, state: State): void {
    const record = new ControlRecord(this.#steps, surface, forceN, state);
    if (this.history.length < this.#capacity) this.history.push(record);
    else this.history[this.#steps % this.#capacity] = record;
    this.#steps++;
  }
}

/** The control law without memory: cancels the drift of σ, then drives σ to zero. Force in N, within ±150. */
export function force(state: State, surface: number = dot(SURFACE, state)): number {
  const free = accelerations(state, 0);
  const pushed = accelerations(state, 1);
  let drift = SURFACE[0] * state[3] + SURFACE[1] * state[4] + SURFACE[2] * state[5];
  let authority = 0;
  for (let i = 0; i < 3; i++) {
    drift += SURFACE[3 + i]! * free[i]!;
    authority += SURFACE[3 + i]! * (pushed[i]! - free[i]!);
  }
  const reach = -(SWITCHING_GAIN * Math.tanh(surface / BOUNDARY) + LINEAR_GAIN * surface);
  return Math.max(-FORCE_LIMIT_N, Math.min(FORCE_LIMIT_N, (reach - drift) / authority));
}

function dot(a: State, b: State): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
