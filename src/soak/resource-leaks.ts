import { type Leak, RESOURCES } from '../leaks/index.js';
import type { ResourceGauge } from './gauges.js';
import type { NativeGrowth } from './native.js';
import { adviceFor } from './patterns.js';

/** Descriptors and threads that may come with one child process or one worker. */
const MOST_PER_OWNER = 8;

/**
 * The leaking resources without what only comes with another: a child has pipes, a worker has descriptors. Where the
 * companions prove the growth, their owner needs no proof of its own, sparse as it is.
 */
export function withoutConsequences(gauges: readonly ResourceGauge[]): ResourceGauge[] {
  const order = RESOURCES.map(({ key }) => key);
  const sorted = [...gauges].sort((a, b) => order.indexOf(a.key) - order.indexOf(b.key));
  const proven = sorted.filter(({ growth }) => growth.verdict === 'leak');
  const causes: ResourceGauge[] = [];
  for (const gauge of sorted) {
    const hasWitness = isOwner(gauge) && gauge.growth.newest.length >= 3 && proven.some((one) => explains(gauge, one));
    if (gauge.growth.verdict !== 'leak' && !hasWitness) continue;
    const isConsequence =
      ['sockets', 'descriptors', 'threads'].includes(gauge.key) &&
      causes.some((cause) => isOwner(cause) && explains(cause, gauge));
    if (!isConsequence) causes.push(gauge);
  }
  return causes;
}

const isOwner = ({ key }: ResourceGauge): boolean => ['children', 'threads', 'leases'].includes(key);

function explains(owner: ResourceGauge, other: ResourceGauge): boolean {
  const [owners, others] = [owner.growth.newest.length, other.growth.newest.length];
  return owner.pid === other.pid && others >= owners && others <= owners * MOST_PER_OWNER;
}

/** Classes whose objects wrap a resource of each kind. */
const WRAPPERS: Partial<Record<Leak['kind'], RegExp>> = {
  'child-process': /ChildProcess|Process|Socket|Pipe/,
  thread: /Worker|MessagePort/,
  socket: /Socket|TCP|Pipe|ClientRequest|IncomingMessage|Server|HTTPParser/,
  'file-descriptor': /FileHandle|ReadStream|WriteStream|ReadFileContext|FSReqCallback/,
  'temp-file': /WriteStream|FileHandle/,
  'shared-memory': /Segment|SharedArrayBuffer/,
  lease: /Lease|Lock/,
  block: /Block/,
};
/** Objects for each resource, as rates that are both estimates. */
const PER_RESOURCE = { least: 0.4, most: 6 };

/** Objects that only wrap a leaking resource are one leak with it: their path tells who holds it. Removed from `leaks`. */
export function takeHolder(leaks: Leak[], kind: Leak['kind'], perIteration: number): Leak | undefined {
  const index = leaks.findIndex((leak) => {
    const ratio = leak.perIteration / perIteration;
    return WRAPPERS[kind]?.test(leak.className) && ratio > PER_RESOURCE.least && ratio < PER_RESOURCE.most;
  });
  return index < 0 ? undefined : leaks.splice(index, 1)[0];
}

/** What the newest identities have in common, without the numbers that make them different: `upload-*.part`. */
export function resourceClass(newest: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const identity of newest) {
    const name = identity.slice(identity.indexOf(' ') + 1);
    const common = name.replace(/\d+/g, '*').replace('[*]', '');
    counts.set(common, (counts.get(common) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0].slice(0, 200) ?? '';
}

export function nativeLeak({ perIteration, ci }: NativeGrowth): Leak {
  const className = 'native memory';
  return {
    kind: 'native-memory',
    perIteration,
    ci,
    unit: 'bytes',
    bytesPerIteration: perIteration,
    className,
    path: [],
    pathText: '',
    allocatedAt: null,
    declaredAt: null,
    ...adviceFor('native-memory', { className }, ''),
  };
}
