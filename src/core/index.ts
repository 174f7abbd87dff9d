/** The ground floor: coded errors, seeded random numbers, source positions, untrusted text. */
export { type ErrorDetails, WatertightError } from './errors.js';
