/** Soak this: `watertight soak examples/pendulum/leaky.ts`. The history keeps one record a control step, for ever. */
import { SlidingModeController } from './controller.js';
import { Rig } from './rig.js';

const rig = new Rig(new SlidingModeController());

/** One iteration is 10 control steps, so it leaves 10 records behind. */
export default async function iteration(): Promise<void> {
  rig.run(10);
}
