import { errorText, plainText } from '../core/index.js';

/** Tells a listener of the program. What it throws is its own fault and holds up nothing: a process warning. */
export function tell<T>(publisher: string, listener: ((failure: T) => unknown) | undefined, failure: T): void {
  const warn = (error: unknown) => {
    const message = `onFailure of ${plainText(publisher, 80)} has thrown: ${errorText(error)}`;
    process.emitWarning(message, { type: 'WatertightWarning', code: 'WT_PUBLISH_LISTENER_FAILED' });
  };
  try {
    const told = listener?.(failure);
    if (told instanceof Promise) told.catch(warn);
  } catch (error) {
    warn(error);
  }
}
