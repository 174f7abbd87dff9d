/** How much of the program's work was done, and how long it took. */
export interface Advance {
  readonly done: number;
  readonly ms: number;
}

/**
 * What makes the observed program work: iterations of a scenario, requests to a server, or simply time. The method is
 * the same for all three.
 */
export interface Driver {
  /** What one step is called: `iteration`, `request`, `second`. */
  readonly unit: 'iteration' | 'request' | 'second';
  /** Steps done since the start, warm-up included. */
  readonly total: number;
  /** Does `count` steps, or as many as fit into `maxMs`. */
  advance(count: number, maxMs: number): Promise<Advance>;
  /** Ends the work under way, where the driver itself does it. */
  stop(): void;
}
