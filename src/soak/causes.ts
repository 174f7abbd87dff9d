import { join } from 'node:path';
import { describePath, type HeapSnapshot } from '../heap/index.js';
import type { Leak, LeakKind, PathStep, SourcePosition } from '../leaks/index.js';
import type { AdditionSite, AllocationSite, OriginSite, Position, ProcessSample } from '../monitor/index.js';
import type { AgentLink } from './agents.js';
import type { CloserLook, JudgedFinding } from './closer-look.js';
import type { Driver } from './driver.js';
import { adviceFor } from './patterns.js';
import type { SourceLines } from './source-lines.js';

const COMMAND_MS = 30_000;
/** Additions that one window should see: enough to tell the main caller from the others. */
const WANTED_ADDITIONS = 30;
const FEW_ADDITIONS = 5;
const MAX_WINDOW_MS = 3_000;
/** Leaks of one soak that are traced; more are listed without their line. */
const MAX_TRACED = 8;
/** Frames kept of a library before the first one of the program's own. */
const LIBRARY_FRAMES = 2;

/** One more window in which every addition and every creation leaves its stack. */
export interface Witnesses {
  readonly origins: readonly OriginSite[];
  readonly additions: readonly AdditionSite[];
  /** Who created the files and descriptors that piled up in that window. */
  readonly creators: readonly (readonly Position[])[];
}

export const NO_WITNESSES: Witnesses = { origins: [], additions: [], creators: [] };

/** Runs a short window with traps on the containers that grow. The program gets slower meanwhile: nothing is measured. */
export async function interrogate(
  link: AgentLink,
  driver: Driver,
  question: { heapIds: readonly number[]; perStep: number; stepMs: number; isFiles: boolean; tempFolder: string },
): Promise<Witnesses> {
  const before = question.isFiles ? await holdings(link) : null;
  await link.ask('startOrigins', { containers: question.heapIds.slice(0, MAX_TRACED) }, COMMAND_MS);
  try {
    const steps = Math.ceil(WANTED_ADDITIONS / Math.max(question.perStep, 1e-6));
    const affordable = Math.max(1, Math.ceil(MAX_WINDOW_MS / Math.max(question.stepMs, 1e-3)));
    // Rare ones get the time that a few of them take.
    const few = Math.min(steps, Math.ceil(FEW_ADDITIONS / Math.max(question.perStep, 1e-6)));
    await driver.advance(Math.max(few, Math.min(steps, affordable)), 4 * MAX_WINDOW_MS);
    const after = question.isFiles ? await holdings(link) : null;
    return await link.ask('origins', newcomers(before, after, question.tempFolder), COMMAND_MS);
  } finally {
    await link.ask('stopOrigins', {}, COMMAND_MS).catch(() => {});
  }
}

async function holdings(link: AgentLink): Promise<ProcessSample | null> {
  return (await link.ask('sample', { process: true }, COMMAND_MS)).process;
}

function newcomers(
  before: ProcessSample | null,
  after: ProcessSample | null,
  tempFolder: string,
): { paths: string[]; descriptors: number[] } {
  const fresh = (key: 'descriptors' | 'sockets' | 'tempFiles' | 'segments' | 'leases'): string[] => {
    const known = new Set(before?.[key]);
    return (after?.[key] ?? []).filter((identity) => !known.has(identity)).slice(-20);
  };
  const nameOf = (identity: string): string => identity.slice(identity.indexOf(' ') + 1);
  const segments = fresh('segments');
  const isMemoryFile = (identity: string): boolean => nameOf(identity).startsWith('/memfd:');
  return {
    paths: [
      ...fresh('tempFiles').map((id) => join(tempFolder, nameOf(id))),
      ...[...segments.filter((id) => !isMemoryFile(id)), ...fresh('leases')].map((id) => `/dev/shm/${nameOf(id)}`),
    ],
    descriptors: [...fresh('descriptors'), ...fresh('sockets'), ...segments.filter(isMemoryFile)].map((identity) =>
      Number.parseInt(identity, 10),
    ),
  };
}

/** Writes what is known of a finding in the heap as a leak of the report. */
export async function heapLeak(
  finding: JudgedFinding,
  look: CloserLook,
  witnesses: Witnesses,
  lines: SourceLines,
): Promise<Leak> {
  const snapshot = look.snapshot!;
  const { steps, text } = describePath(snapshot, look.paths!.path(finding.member));
  const kind = kindOf(snapshot, finding, steps);
  const containerId = snapshot.nodeIds[finding.container]!;
  const stack = additionStack(witnesses, containerId) ?? originStack(witnesses, kind);
  const located = stack ? await lines.map(stack) : await allocationStack(text, look.allocations, lines);
  const declared = snapshot.location(finding.member);
  const { pattern, hint } = adviceFor(kind, finding, text);
  return {
    kind,
    perIteration: finding.growth.perIteration,
    ci: finding.growth.ci,
    unit: unitOf(kind, finding),
    bytesPerIteration: finding.bytesPerIteration,
    className: finding.className,
    path: steps,
    pathText: finding.unit === 'elements' && !text.endsWith('[]') ? `${text}[]` : text,
    allocatedAt: located[0] ? sourceOf(located[0]) : null,
    stack: shortened(located).map(frameText),
    declaredAt: declared ? await lines.declaration(finding.className, declared) : null,
    pattern,
    hint,
  };
}

export function sourceOf(frame: Position): SourcePosition {
  return { function: frame.function || '(anonymous)', file: frame.file, line: frame.line };
}

export const frameText = (frame: Position): string =>
  `${frame.function || '(anonymous)'} (${frame.file}:${frame.line}:${frame.column})`;

/** Inside a library the first frames say what happened, and the first one outside it whose doing it was. */
function shortened(stack: readonly Position[]): readonly Position[] {
  const own = stack.findIndex(({ file }) => !file.includes('node_modules'));
  return own > LIBRARY_FRAMES ? [...stack.slice(0, LIBRARY_FRAMES), ...stack.slice(own)] : stack;
}

function kindOf(snapshot: HeapSnapshot, finding: JudgedFinding, steps: readonly PathStep[]): LeakKind {
  if (finding.unit === 'elements' && CONTAINERS.test(finding.className)) return 'growing-container';
  const all = [finding.className, ...finding.companions];
  // Only the end of the path says what this is: its beginning is where every program hangs.
  const end = steps.slice(-4);
  const edges = end.map(({ edge }) => edge);
  const nodes = end.map(({ node }) => node);
  if (
    edges.some((edge) => edge === '_events' || /kEvents|kListeners|\[events\]/i.test(edge)) ||
    nodes.includes('Listener')
  ) {
    return 'listener';
  }
  if (/^(Timeout|Immediate|TimersList)$/.test(finding.className) || nodes.includes('TimersList')) return 'timer';
  if (all.some((name) => /ArrayBuffer|Buffer|Uint8Array|DataView/.test(name)) && isMostlyExternal(finding)) {
    return 'external-memory';
  }
  if (finding.unit === 'bytes') return finding.className === 'string' ? 'heap-objects' : 'external-memory';
  if (HANDLES.test(finding.className)) return 'handle';
  if (finding.className === 'Promise' && isPending(snapshot, finding.member)) return 'unsettled-promise';
  // The functions that settle a promise have no name; a queue of them is a queue of waiters.
  if (finding.className === '(anonymous)()' && all.includes('Promise')) return 'unsettled-promise';
  return 'heap-objects';
}

/** What wraps a handle of libuv or a native stream. */
const HANDLES =
  /^(FSEvent|FSWatcher|StatWatcher|UDP|Socket|TCP|Pipe|TTY|MessagePort|Process|ChildProcess|Zlib|Gzip|Gunzip|Deflate|Inflate|Brotli\w+)$/;
const CONTAINERS = /^(Array|Map|Set)$/;

/** A pending promise has its reactions, or nothing, where a settled one has its result. */
function isPending(snapshot: HeapSnapshot, promise: number): boolean {
  const result = snapshot.child(promise, 'reactions_or_result');
  return result < 0 || snapshot.name(result) === 'system / PromiseReaction';
}

const isMostlyExternal = (finding: JudgedFinding): boolean =>
  /Buffer|Uint8Array|DataView/.test(finding.companions[0] ?? finding.className) ||
  /Buffer|Uint8Array/.test(finding.className);

function unitOf(kind: LeakKind, finding: JudgedFinding): string {
  if (finding.unit !== 'objects') return finding.unit;
  return { listener: 'listeners', timer: 'timers', 'unsettled-promise': 'promises' }[kind as string] ?? 'objects';
}

function additionStack(witnesses: Witnesses, heapId: number): readonly Position[] | null {
  return witnesses.additions.find((site) => site.heapId === heapId && site.stack.length > 0)?.stack ?? null;
}

function originStack(witnesses: Witnesses, kind: LeakKind): readonly Position[] | null {
  if (kind !== 'listener' && kind !== 'timer') return null;
  const sites = witnesses.origins.filter((site) => site.kind === kind && site.stack.length > 0);
  return sites.sort((a, b) => b.live - a.live)[0]?.stack ?? null;
}

/**
 * Without a trap the sampling profile is the witness. It knows functions, not lines: the line is the one in the
 * function's text that touches the container, where there is just one name to look for.
 */
async function allocationStack(
  pathText: string,
  sites: readonly AllocationSite[],
  lines: SourceLines,
): Promise<Position[]> {
  const site = sites[0];
  if (!site) return [];
  const frames = await lines.map(site.stack);
  const name = /([\w$#]+)(?:\[\])*…?$/.exec(pathText)?.[1];
  const line = name ? lines.mention(frames[0]!, name) : null;
  return line ? [{ ...frames[0]!, line, column: 1 }, ...frames.slice(1)] : frames;
}

/** The origin recorder's word for each kind of resource. */
const ORIGIN_KINDS: Partial<Record<LeakKind, string>> = {
  'child-process': 'child-process',
  thread: 'thread',
  socket: 'socket',
  'file-descriptor': 'descriptor',
  'temp-file': 'descriptor',
  'shared-memory': 'descriptor',
  lease: 'descriptor',
  handle: 'handle',
};

/** Creation stack of a resource that piles up: who made what stayed, or the site with most live creations. */
export function resourceStack(witnesses: Witnesses, kind: LeakKind): readonly Position[] {
  const wanted = ORIGIN_KINDS[kind];
  const sites = witnesses.origins.filter((site) => site.kind === wanted && site.stack.length > 0);
  const best = [...sites].sort((a, b) => b.live - a.live || b.count - a.count)[0];
  return (wanted === 'descriptor' ? witnesses.creators[0] : undefined) ?? best?.stack ?? witnesses.creators[0] ?? [];
}
