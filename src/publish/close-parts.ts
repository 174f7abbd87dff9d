import { errorText, monotonicMs, settleBy } from '../core/index.js';

/** One thing that is closed in its turn. */
export interface ClosingPart {
  readonly part: string;
  /** Its share of what time is left, beside the weights of what comes after it. */
  readonly weight: number;
  /** By the deadline (`performance.now()`); what it takes longer is not waited for. */
  close(deadlineAt: number): Promise<PartEnd>;
  /** What is known of it when it does not end in time. */
  remains?(): unknown;
}

export interface PartEnd {
  readonly status: PartStatus;
  readonly report?: unknown;
}

/** `failed`: it has ended, and not well. `timeout`: it did not end in its share of the time. */
export type PartStatus = 'completed' | 'failed' | 'timeout';

export interface PartReport extends PartEnd {
  readonly part: string;
  readonly durationMs: number;
}

/** Part of its share that a part is not told of, and the most of it: its own report is to come before we give it up. */
const MARGIN_SHARE = 0.2;
const MARGIN_MS = 50;

/**
 * Closes one after the other. Each has a share of the time that is left, and what it does not use is for those after it;
 * all of them together end at the deadline.
 */
export async function closeParts(parts: readonly ClosingPart[], deadlineAt: number): Promise<PartReport[]> {
  const reports: PartReport[] = [];
  let weights = parts.reduce((sum, { weight }) => sum + weight, 0);
  for (const part of parts) {
    const startedAt = monotonicMs();
    const shareMs = (Math.max(deadlineAt - startedAt, 0) * part.weight) / weights;
    weights -= part.weight;
    const end = await closeOne(part, startedAt, shareMs);
    reports.push({ part: part.part, ...end, durationMs: monotonicMs() - startedAt });
  }
  return reports;
}

async function closeOne(part: ClosingPart, startedAt: number, shareMs: number): Promise<PartEnd> {
  const ownMs = shareMs - Math.min(MARGIN_MS, shareMs * MARGIN_SHARE);
  let end: PartEnd | undefined;
  const closing = ended(part, startedAt + ownMs).then((its) => {
    end = its;
  });
  await settleBy(closing, startedAt + shareMs);
  return end ?? { status: 'timeout', report: part.remains?.() };
}

async function ended(part: ClosingPart, deadlineAt: number): Promise<PartEnd> {
  try {
    return await part.close(deadlineAt);
  } catch (error) {
    return { status: 'failed', report: { error: errorText(error) } };
  }
}

/** That of a whole: the worst of its parts. */
export function worstOf(reports: readonly PartReport[]): PartStatus {
  const has = (status: PartStatus) => reports.some((report) => report.status === status);
  return has('timeout') ? 'timeout' : has('failed') ? 'failed' : 'completed';
}
