/** Details that a caller may act on; plain data. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/**
 * An error that a caller may handle: `code` is stable (`WT_<AREA>_<CONDITION>`), `hint` is the next thing to do.
 *
 * @example
 * throw new WatertightError('WT_SOAK_NO_SCENARIO', 'Cannot soak a.mjs as there is no such file', { hint: 'check the path' });
 */
export class WatertightError extends Error {
  readonly code: string;
  readonly hint: string;
  readonly details: ErrorDetails;

  constructor(code: string, message: string, options: { hint?: string; details?: ErrorDetails; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'WatertightError';
    this.code = code;
    this.hint = options.hint ?? '';
    this.details = options.details ?? {};
  }
}
