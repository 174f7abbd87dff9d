/**
 * A double inverted pendulum on a cart: the Lagrangian plant and its integration in time.
 *
 * State (6 numbers): cart position m, angle of each link rad (absolute, 0 = upright), then their three velocities.
 * Equations: M(q) q̈ + C(q, q̇) + G(q) = [force, 0, 0]; friction on the cart and in both joints.
 */

export type State = readonly [number, number, number, number, number, number];

/** Both links a little off upright, at rest. */
export const START: State = [0, 0.05, -0.03, 0, 0, 0];

const CART_KG = 1.5;
const LINK1 = { kg: 0.2, lengthM: 0.4, centreM: 0.2, inertia: 0.0081 };
const LINK2 = { kg: 0.15, centreM: 0.15, inertia: 0.0034 };
const GRAVITY = 9.81;
const FRICTION = { cart: 0.2, joint1: 0.005, joint2: 0.004 };

const H1 = LINK1.kg * LINK1.centreM + LINK2.kg * LINK1.lengthM;
const H2 = LINK2.kg * LINK2.centreM;
const H3 = LINK2.kg * LINK1.lengthM * LINK2.centreM;
const M11 = CART_KG + LINK1.kg + LINK2.kg;
const M22 = LINK1.kg * LINK1.centreM ** 2 + LINK2.kg * LINK1.lengthM ** 2 + LINK1.inertia;
const M33 = LINK2.kg * LINK2.centreM ** 2 + LINK2.inertia;

/** Accelerations of cart (m/s²) and links (rad/s²) under a horizontal force on the cart (N). */
export function accelerations(state: State, forceN: number): [number, number, number] {
  const [, angle1, angle2, cartSpeed, speed1, speed2] = state;
  const s12 = Math.sin(angle1 - angle2);
  const m12 = H1 * Math.cos(angle1);
  const m13 = H2 * Math.cos(angle2);
  const m23 = H3 * Math.cos(angle1 - angle2);
  const spring = FRICTION.joint2 * (speed1 - speed2);
  const r1 =
    forceN + H1 * Math.sin(angle1) * speed1 ** 2 + H2 * Math.sin(angle2) * speed2 ** 2 - FRICTION.cart * cartSpeed;
  const r2 = H1 * GRAVITY * Math.sin(angle1) - H3 * s12 * speed2 ** 2 - FRICTION.joint1 * speed1 - spring;
  const r3 = H2 * GRAVITY * Math.sin(angle2) + H3 * s12 * speed1 ** 2 + spring;
  return solveSymmetric(M11, m12, m13, M22, m23, M33, r1, r2, r3);
}

/** The state after `dtS` seconds of a constant force, by the classical fourth-order Runge-Kutta step. */
export function integrate(state: State, forceN: number, dtS: number): State {
  const k1 = derivative(state, forceN);
  const k2 = derivative(advance(state, k1, dtS / 2), forceN);
  const k3 = derivative(advance(state, k2, dtS / 2), forceN);
  const k4 = derivative(advance(state, k3, dtS), forceN);
  const mean = k1.map((value, i) => (value + 2 * k2[i]! + 2 * k3[i]! + k4[i]!) / 6);
  return advance(state, mean as unknown as State, dtS);
}

function derivative(state: State, forceN: number): State {
  return [state[3], state[4], state[5], ...accelerations(state, forceN)];
}

function advance(state: State, slope: State, dtS: number): State {
  return state.map((value, i) => value + slope[i]! * dtS) as unknown as State;
}

/** Solves a symmetric 3 × 3 system by Cramer's rule; the mass matrix is always positive definite. */
function solveSymmetric(
  a: number,
  b: number,
  c: number,
  d: number,
  e: number,
  f: number,
  r1: number,
  r2: number,
  r3: number,
): [number, number, number] {
  const i11 = d * f - e * e;
  const i12 = c * e - b * f;
  const i13 = b * e - c * d;
  const i22 = a * f - c * c;
  const i23 = b * c - a * e;
  const i33 = a * d - b * b;
  const det = a * i11 + b * i12 + c * i13;
  return [
    (i11 * r1 + i12 * r2 + i13 * r3) / det,
    (i12 * r1 + i22 * r2 + i23 * r3) / det,
    (i13 * r1 + i23 * r2 + i33 * r3) / det,
  ];
}
