/** The minute that health is judged by, in parts that grow old one by one. */
const BUCKETS = 6;
const BUCKET_MS = 10_000;

/** At least this score. Bounds and names are those of the system that this one replaces. */
const LEVELS = [
  [90, 'healthy'],
  [70, 'warning'],
  [30, 'degraded'],
] as const;

export type HealthStatus = 'healthy' | 'warning' | 'degraded' | 'critical';

/** How the registry does, by what happened within the last minute and by what is full now. */
export interface Health {
  readonly status: HealthStatus;
  /** 0 to 100: the share of deliveries to connected users that went well, below the caps that `reasons` name. */
  readonly score: number;
  readonly reasons: readonly string[];
  /** Deliveries to connected users within the last minute, and those of them that failed. */
  readonly deliveries: number;
  readonly failures: number;
}

export interface HealthCap {
  readonly score: number;
  readonly reason: string;
}

export function statusOf(score: number): HealthStatus {
  return LEVELS.find(([least]) => score >= least)?.[1] ?? 'critical';
}

/** Successes and failures of the last minute. Cost: one reading of the clock each. */
export class DeliveryMinute {
  readonly #delivered = new Float64Array(BUCKETS);
  readonly #failed = new Float64Array(BUCKETS);
  /** Number of the newest bucket, counted from the start of the clock. */
  #newest = 0;

  delivered(now: number): void {
    this.#delivered[this.#bucketAt(now)]! += 1;
  }

  failed(now: number): void {
    this.#failed[this.#bucketAt(now)]! += 1;
  }

  health(now: number, caps: readonly HealthCap[]): Health {
    this.#bucketAt(now);
    const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0);
    const failures = sum(this.#failed);
    const deliveries = sum(this.#delivered) + failures;
    const reasons = caps.map(({ reason }) => reason);
    if (failures > 0) reasons.unshift(`${failures} of ${deliveries} deliveries failed within a minute`);
    const wentWell = deliveries === 0 ? 100 : 100 * (1 - failures / deliveries);
    const score = Math.min(wentWell, ...caps.map((cap) => cap.score));
    return { status: statusOf(score), score, reasons, deliveries, failures };
  }

  #bucketAt(now: number): number {
    const bucket = Math.floor(now / BUCKET_MS);
    for (let old = Math.max(this.#newest + 1, bucket - BUCKETS + 1); old <= bucket; old++) {
      this.#delivered[old % BUCKETS] = 0;
      this.#failed[old % BUCKETS] = 0;
    }
    this.#newest = Math.max(this.#newest, bucket);
    return this.#newest % BUCKETS;
  }
}
