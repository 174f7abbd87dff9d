const MAX_WIDTH = 100;

/** Whether a stream shows colours: `NO_COLOR` and `FORCE_COLOR` decide before what it is (https://no-color.org). */
export function isColourful(stream: NodeJS.WriteStream): boolean {
  if (process.env.NO_COLOR) return false;
  if (process.env.FORCE_COLOR && process.env.FORCE_COLOR !== '0') return true;
  return stream.isTTY === true && process.env.TERM !== 'dumb';
}

/** Cells in a line of a stream, at most 100; `otherwise` where that is not a terminal. */
export const widthOf = (stream: NodeJS.WriteStream, otherwise: number): number =>
  Math.min(MAX_WIDTH, stream.columns ?? otherwise);
