/** The ground floor: coded errors, seeded random numbers, source positions, untrusted text, text on a grid of cells. */
export { Channel } from './channel.js';
export { type ErrorDetails, WatertightError } from './errors.js';
export { displayWidth, fitCells, wrap } from './layout.js';
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
