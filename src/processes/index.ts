/**
 * Processes of this machine, each named once and for all, found by what they inherited. Not a door of the package:
 * `leases`, `children` and `soak` stand on it.
 */
export {
  identityOf,
  isRunning,
  liveProcess,
  type ProcessId,
  processPids,
  processVariable,
  signalProcess,
} from './processes.js';
