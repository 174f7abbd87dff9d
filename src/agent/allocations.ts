import type { AllocationSite, Position } from '../monitor/index.js';
import type { InspectorSession } from './inspector-session.js';
import { isForeign } from './own-frames.js';

interface ProfileNode {
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    readonly lineNumber: number;
    readonly columnNumber: number;
  };
  readonly selfSize: number;
  readonly children: readonly ProfileNode[];
}

/** Sites kept, largest first: enough to find a leak's site among caches and start-up code. */
const MAX_SITES = 200;
/** Frames kept of each stack. */
const MAX_FRAMES = 12;

/** Live bytes by stack from V8's sampling heap profiler (Poisson sampling, one sample each `intervalBytes`). */
export function startAllocations(session: InspectorSession, intervalBytes: number): void {
  session.post('HeapProfiler.startSampling', { samplingInterval: intervalBytes, stackDepth: 24 });
}

export function readAllocations(session: InspectorSession): AllocationSite[] {
  const { profile } = session.post('HeapProfiler.getSamplingProfile') as { profile: { head: ProfileNode } };
  const sites: AllocationSite[] = [];
  // Depth first with an explicit stack: profiles of recursive programs are deep.
  const pending: { node: ProfileNode; stack: Position[] }[] = [{ node: profile.head, stack: [] }];
  for (let next = pending.pop(); next; next = pending.pop()) {
    const { node } = next;
    const stack = isForeign(node.callFrame.url) ? next.stack : [positionOf(node), ...next.stack].slice(0, MAX_FRAMES);
    if (node.selfSize > 0 && stack.length > 0) sites.push({ bytes: node.selfSize, count: 0, stack });
    for (const child of node.children) pending.push({ node: child, stack });
  }
  return sites.sort((a, b) => b.bytes - a.bytes).slice(0, MAX_SITES);
}

/** The profile gives the place where the function begins, not the line that allocates. */
function positionOf({ callFrame }: ProfileNode): Position {
  return {
    function: callFrame.functionName,
    file: callFrame.url,
    line: callFrame.lineNumber + 1,
    column: callFrame.columnNumber + 1,
  };
}
