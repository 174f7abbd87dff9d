/** The ground floor: coded errors, checks of arguments, deadlines, callers' places, seeded random numbers, `/proc`, untrusted text, text on a grid of cells. */
export { checkCallback, checkOptionNames, checkOwner, checkSignal, kindOf } from './arguments.js';
export { builtin } from './builtin.js';
export { CallPlace, placeIn } from './call-place.js';
export { Channel } from './channel.js';
export { monotonicMs } from './clock.js';
export { closingClock, Deadline, DeadlineClock, settleBy } from './deadline-clock.js';
export { causesOf, errorText } from './error-text.js';
export { type ErrorDetails, WatertightError } from './errors.js';
export { readGauge, registerGauge } from './gauges.js';
export { displayWidth, fitCells, wrap } from './layout.js';
export type { Owned, Owner } from './owner.js';
export {
  entriesIn,
  type FolderEntry,
  namesIn,
  PROC_ENTRY_LIMIT,
  type ProcStat,
  type ProcStatus,
  parseProcStat,
  procChildren,
  procDescriptors,
  procStat,
  procStatus,
  procThreads,
  scanChildren,
} from './proc.js';
export { seededRandom } from './random.js';
export { cut, escapeHtml, escapeXml, plainText, wellFormed } from './text.js';
export { describeThrown, rebuildThrown, type ThrownShape } from './thrown.js';
