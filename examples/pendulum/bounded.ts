/** The twin of `leaky.ts`: the same rig, but the history keeps the last 1000 records (one second). */
import { SlidingModeController } from './controller.js';
import { Rig } from './rig.js';

const rig = new Rig(new SlidingModeController({ historyCapacity: 1000 }));

/** One iteration is 10 control steps; from the hundredth on it leaves nothing behind. */
export default async function iteration(): Promise<void> {
  rig.run(10);
}
