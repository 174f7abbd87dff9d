import { createHook } from 'node:async_hooks';
import { setImmediate as turn } from 'node:timers/promises';

/** Timers made from now on and not cleared yet; unlike `process.getActiveResourcesInfo()` it sees unreferenced ones. */
export class LiveTimers {
  readonly #live = new Set<number>();
  readonly #hook = createHook({
    init: (id, type) => {
      if (type === 'Timeout') this.#live.add(id);
    },
    destroy: (id) => {
      this.#live.delete(id);
    },
  });

  constructor() {
    this.#hook.enable();
  }

  /** Ends of timers are told a turn later. */
  async count(): Promise<number> {
    await turn();
    await turn();
    return this.#live.size;
  }

  stop(): void {
    this.#hook.disable();
  }
}
