/* Results for the tests of this folder: one of each verdict, and one whose every string is hostile. */
import type { Leak, Verdict } from '../../leaks/index.js';
import type { GaugeResult, SoakResult } from '../result.js';

const SAMPLES = 120;
const ITERATIONS = 1240;

/** Numbers in [-1, 1), the same in each run (Park and Miller's generator). */
function noise(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return (state / 2147483647) * 2 - 1;
  };
}

interface GaugeShape {
  readonly start: number;
  readonly slope: number;
  readonly noise: number;
}

function gauge(name: string, unit: GaugeResult['unit'], verdict: Verdict, shape: GaugeShape): GaugeResult {
  const random = noise(name.length * 7919);
  const series = Array.from({ length: SAMPLES }, (_, index) => {
    const iteration = Math.round(((index + 1) * ITERATIONS) / SAMPLES);
    const value = shape.start + shape.slope * iteration + shape.noise * random();
    return [iteration, Math.round(value)] as const;
  });
  const half = (3 * shape.noise) / ITERATIONS / Math.sqrt(SAMPLES / 12);
  const ci = [shape.slope - half, shape.slope + half] as const;
  return { name, unit, perIteration: shape.slope, ci, verdict, smallestDetectable: Math.max(2 * half, 0.004), series };
}

const steady = [
  gauge('external · main', 'bytes', 'clean', { start: 2.4e6, slope: 0.2, noise: 9000 }),
  gauge('array buffers · main', 'bytes', 'clean', { start: 1.1e6, slope: 0, noise: 2000 }),
  gauge('threads', 'count', 'clean', { start: 11, slope: 0, noise: 0 }),
];

const orders: Leak = {
  kind: 'growing-container',
  perIteration: 1,
  ci: [1, 1],
  unit: 'objects',
  bytesPerIteration: 2184,
  className: 'Order',
  path: [
    { edge: 'system / Context', type: 'context', node: 'Context' },
    { edge: 'bus', type: 'context', node: 'EventBus' },
    { edge: '_events', type: 'property', node: 'Object' },
    { edge: 'message', type: 'property', node: 'Array' },
    { edge: '[]', type: 'element', node: 'Order' },
  ],
  pathText: 'bus._events.message[]',
  allocatedAt: { function: 'onMessage', file: '/srv/app/src/server.js', line: 42 },
  stack: [
    'handle (file:///srv/app/src/server.js:112:5)',
    'emit (node:events:517:28)',
    'Socket.onData (/srv/app/src/net.js:9:3)',
  ],
  declaredAt: { function: 'Order', file: 'file:///srv/app/src/order.js', line: 3 },
  pattern: 'unbounded collection',
  hint: 'Keep at most as many as are needed: `new History(1000)` from watertight/bounded drops the oldest.',
};

const descriptors: Leak = {
  kind: 'file-descriptor',
  perIteration: 0.998,
  ci: [0.992, 1.004],
  unit: 'descriptors',
  className: '/srv/app/logs/session-*.log',
  path: [],
  pathText: '',
  allocatedAt: { function: 'openLog', file: '/srv/app/src/log.js', line: 17 },
  declaredAt: null,
  pattern: 'handle without owner',
  hint: 'Open it under a scope: `scope.acquire(name, open, (file) => file.close())` closes it on every path.',
};

/** Two leaks with all their parts. */
export const leakResult: SoakResult = {
  schema: 1,
  target: 'examples/chat-server.js',
  verdict: 'leak',
  iterations: ITERATIONS,
  durationMs: 41_300,
  gauges: [
    gauge('heap used · main', 'bytes', 'leak', { start: 24.3e6, slope: 2184, noise: 60_000 }),
    ...steady,
    gauge('resident memory', 'bytes', 'undecided', { start: 96e6, slope: 1900, noise: 1.5e6 }),
    gauge('file descriptors', 'count', 'leak', { start: 22, slope: 1, noise: 0.4 }),
  ],
  leaks: [orders, descriptors],
  notes: ['Warm-up ended after 160 iterations.', 'Resident memory follows the heap and is not judged by itself.'],
};

/** No growth, four gauges. */
export const cleanResult: SoakResult = {
  ...leakResult,
  verdict: 'clean',
  gauges: [gauge('heap used · main', 'bytes', 'clean', { start: 24.3e6, slope: 0.8, noise: 60_000 }), ...steady],
  leaks: [],
  notes: ['Warm-up ended after 160 iterations.'],
};

/** One gauge whose interval holds zero. */
export const undecidedResult: SoakResult = {
  ...leakResult,
  verdict: 'undecided',
  durationMs: 60_000,
  gauges: [gauge('heap used · main', 'bytes', 'undecided', { start: 24.3e6, slope: 310, noise: 900_000 }), ...steady],
  leaks: [],
  notes: ['The budget of 60 s ended before the interval was narrow enough.'],
};

/** What a hostile program may call its classes: escapes, markup, direction overrides, half pairs, line ends. */
export const HOSTILE =
  '\x1b[31m\x1b]0;t\x07\x9b2J<script>alert(1)</script>]]>"\'&\u202e\u2066\ud800\r\n\x00\x08\ufffe--><!--' as const;

/** Every string hostile, and the name of the class 10 MB long. */
export function hostileResult(): SoakResult {
  const position = { function: HOSTILE, file: HOSTILE, line: 1 };
  const leak: Leak = {
    ...orders,
    kind: HOSTILE as unknown as Leak['kind'],
    unit: HOSTILE,
    className: HOSTILE + 'A'.repeat(10_000_000),
    path: Array.from({ length: 100 }, () => ({ edge: HOSTILE, type: HOSTILE, node: HOSTILE })),
    pathText: HOSTILE.repeat(50),
    allocatedAt: position,
    declaredAt: position,
    stack: Array.from({ length: 100 }, () => HOSTILE),
    pattern: HOSTILE,
    hint: HOSTILE,
  };
  return {
    ...leakResult,
    target: HOSTILE,
    gauges: leakResult.gauges.map((each) => ({ ...each, name: HOSTILE })),
    leaks: Array.from({ length: 30 }, () => leak),
    notes: Array.from({ length: 100 }, () => HOSTILE),
  };
}
