import type { Creation } from './options.js';

/** One `create` under way. */
export class CreationRecord implements Creation {
  readonly deadlineAt: number;
  #controller: AbortController | null = null;
  #reason: { readonly error: unknown } | null = null;

  constructor(deadlineAt: number) {
    this.deadlineAt = deadlineAt;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    const { signal } = this.#controller;
    if (this.#reason && !signal.aborted) this.#controller.abort(this.#reason.error);
    return signal;
  }

  /** Nobody wants what it makes any more. */
  abort(error: unknown): void {
    this.#reason ??= { error };
    this.#controller?.abort(error);
  }
}
