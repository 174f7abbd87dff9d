/** Numbers in [0, 1) that depend on `WATERTIGHT_SEED` (1 by default) alone: the mulberry32 generator. */
let state = Number(process.env.WATERTIGHT_SEED ?? 1) >>> 0;

export function random() {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = Math.imul(state ^ (state >>> 15), state | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
}
