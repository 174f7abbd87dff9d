import { isAbsolute, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { checkOptionNames, checkOwner, checkSignal, kindOf, type Owner } from '../core/index.js';
import { Segment, type SegmentHandle } from '../shm/index.js';

/** Long enough to load a large program, short enough to see that it hangs. */
const START_TIMEOUT_MS = 30_000;
/** Teardown takes a tenth of a millisecond where nothing hangs; a release that flushes to a disk takes some hundred. */
const END_TIMEOUT_MS = 2_000;
const OPEN_TIMEOUT_MS = 10_000;
/** Callers that wait for members learn of overload before memory does. */
export const MOST_WAITING = 1_000;
/** What a timer can sleep. */
const LONGEST_MS = 2 ** 31 - 1;

export interface WarmPoolOptions {
  /** Module that calls `serveSessions`: a URL, or a path from the working folder. */
  readonly script: string | URL;
  /** Members are threads (`worker`, the default), or processes with memory and crashes of their own. */
  readonly kind?: 'worker' | 'process';
  /** Most members that are in sessions at a time, from 1. */
  readonly size: number;
  /** Members kept warm beyond `size`, to take the place of one that is lost; 0 by default. Each costs what a member costs. */
  readonly spare?: number;
  /** In reports; members are `name#1`, `name#2` … By default `warm`. */
  readonly name?: string;
  /** Stops the pool when it closes. */
  readonly scope?: Owner;
  /** From the start of a member to its call of `serveSessions`, in ms; 30,000 by default. */
  readonly startTimeoutMs?: number;
  /** For a member to end its session, in ms; 2,000 by default. Over it, it is terminated and replaced. */
  readonly endTimeoutMs?: number;
  /** A member is replaced by a fresh one after so many sessions; without limit by default. */
  readonly maxSessions?: number;
  /**
   * What a session leaves open in a member outside of its scope (sockets, servers, timers, requests, segments): `replace`
   * the member (the default), or `report` it only, for what is meant to stay (a connection kept for the next session).
   */
  readonly leftovers?: 'replace' | 'report';
  /** Environment of the members; that of this process by default. */
  readonly env?: NodeJS.ProcessEnv;
  /** Options of Node for the members; those of this process by default. */
  readonly execArgv?: readonly string[];
  readonly argv?: readonly string[];
  /** Plain data, as `workerData` (threads only). */
  readonly workerData?: unknown;
  /** Memory limits of V8 (threads only). */
  readonly resourceLimits?: object;
}

export interface OpenOptions {
  /** Every member opens these by name; segments or their handles. They stay the caller's. */
  readonly segments?: Readonly<Record<string, Segment | SegmentHandle>>;
  /** Plain data for `session.data` in every member (structured clone). */
  readonly data?: unknown;
  /** How many members the session gets, 1 to `size`; all by default. */
  readonly members?: number;
  /** Longest wait for members and for all of them to be open, in ms; 10,000 by default. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Closes the session when it closes. */
  readonly scope?: Owner;
}

/** The options with their defaults, checked. */
export interface WarmSettings {
  readonly script: URL;
  readonly kind: 'worker' | 'process';
  readonly size: number;
  readonly spare: number;
  readonly name: string;
  readonly startTimeoutMs: number;
  readonly endTimeoutMs: number;
  readonly maxSessions: number;
  readonly leftovers: 'replace' | 'report';
}

export interface OpenSettings {
  readonly segments: Readonly<Record<string, SegmentHandle>>;
  readonly data: unknown;
  readonly members: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

const WHERE = 'new WarmPool(options)';
const OPEN = 'pool.open(options)';

/** All names, held against the types by the compiler. */
export const POOL_OPTION_NAMES = Object.keys({
  script: 0,
  kind: 0,
  size: 0,
  spare: 0,
  name: 0,
  scope: 0,
  startTimeoutMs: 0,
  endTimeoutMs: 0,
  maxSessions: 0,
  leftovers: 0,
  env: 0,
  execArgv: 0,
  argv: 0,
  workerData: 0,
  resourceLimits: 0,
} satisfies Record<keyof WarmPoolOptions, 0>);
export const OPEN_OPTION_NAMES = Object.keys({
  segments: 0,
  data: 0,
  members: 0,
  timeoutMs: 0,
  signal: 0,
  scope: 0,
} satisfies Record<keyof OpenOptions, 0>);

/** @throws TypeError, RangeError naming the option, its rule and what came */
export function settlePoolOptions(options: WarmPoolOptions): WarmSettings {
  checkOptionNames(WHERE, options, POOL_OPTION_NAMES);
  const { kind = 'worker', name = 'warm', leftovers = 'replace' } = options;
  checkOwner(WHERE, options.scope);
  if (typeof name !== 'string') throw new TypeError(`${WHERE}: name must be a string, not ${kindOf(name)}`);
  if (kind !== 'worker' && kind !== 'process') throw oneOf('kind', '"worker" or "process"', kind);
  if (leftovers !== 'replace' && leftovers !== 'report') throw oneOf('leftovers', '"replace" or "report"', leftovers);
  checkStartOptions(options, kind);
  return {
    script: scriptUrl(options.script),
    kind,
    size: whole(WHERE, 'size', options.size, 1),
    spare: whole(WHERE, 'spare', options.spare ?? 0, 0),
    name,
    startTimeoutMs: time(WHERE, 'startTimeoutMs', options.startTimeoutMs ?? START_TIMEOUT_MS),
    endTimeoutMs: time(WHERE, 'endTimeoutMs', options.endTimeoutMs ?? END_TIMEOUT_MS),
    maxSessions: options.maxSessions === undefined ? Infinity : whole(WHERE, 'maxSessions', options.maxSessions, 1),
    leftovers,
  };
}

/** @throws TypeError, RangeError; WatertightError WT_SHM_CLOSED for a segment that is closed */
export function settleOpenOptions(options: OpenOptions, size: number): OpenSettings {
  checkOptionNames(OPEN, options, OPEN_OPTION_NAMES);
  const { segments = {}, data, members = size, timeoutMs = OPEN_TIMEOUT_MS, signal, scope } = options;
  checkOwner(OPEN, scope);
  checkSignal(OPEN, signal);
  whole(OPEN, 'members', members, 1);
  if (members > size) throw new RangeError(`${OPEN}: members must be at most size (${size}), got ${members}`);
  return { segments: handlesOf(segments), data, members, timeoutMs: time(OPEN, 'timeoutMs', timeoutMs), signal };
}

/** @throws RangeError */
export function time(where: string, name: string, value: unknown): number {
  if (typeof value === 'number' && value > 0 && value <= LONGEST_MS) return value;
  throw new RangeError(`${where}: ${name} must be more than 0 and at most ${LONGEST_MS} ms, got ${String(value)}`);
}

function handlesOf(segments: unknown): Record<string, SegmentHandle> {
  if (typeof segments !== 'object' || segments === null || Array.isArray(segments)) {
    throw new TypeError(`${OPEN}: segments must be an object of segments by name, not ${kindOf(segments)}`);
  }
  const handles = Object.entries(segments).map(([name, given]) => {
    if (given instanceof Segment) return [name, given.handle];
    if (typeof given === 'object' && given !== null && 'kind' in given) return [name, given];
    throw new TypeError(`${OPEN}: segments.${name} must be a Segment or its handle, not ${kindOf(given)}`);
  });
  return Object.fromEntries(handles);
}

function checkStartOptions(options: WarmPoolOptions, kind: string): void {
  for (const name of ['execArgv', 'argv'] as const) {
    const given: unknown = options[name];
    if (given !== undefined && !(Array.isArray(given) && given.every((word) => typeof word === 'string'))) {
      throw new TypeError(`${WHERE}: ${name} must be an array of strings, not ${kindOf(given)}`);
    }
  }
  for (const name of ['env', 'resourceLimits'] as const) {
    const given: unknown = options[name];
    if (given !== undefined && (typeof given !== 'object' || given === null)) {
      throw new TypeError(`${WHERE}: ${name} must be an object, not ${kindOf(given)}`);
    }
  }
  for (const name of ['workerData', 'resourceLimits'] as const) {
    if (kind === 'process' && options[name] !== undefined) {
      throw new TypeError(`${WHERE}: ${name} is for threads; give processes env, execArgv or argv`);
    }
  }
}

function scriptUrl(script: unknown): URL {
  if (typeof script !== 'string' && !(script instanceof URL)) {
    throw new TypeError(`${WHERE}: script must be a URL or a path, not ${kindOf(script)}`);
  }
  const text = String(script);
  if (/^file:/.test(text)) return new URL(text);
  if (script instanceof URL) throw new TypeError(`${WHERE}: script must be a file: URL, not ${script.protocol}`);
  return pathToFileURL(isAbsolute(text) ? text : resolve(text));
}

function oneOf(name: string, rule: string, value: unknown): TypeError {
  return new TypeError(`${WHERE}: ${name} must be ${rule}, not ${kindOf(value)}`);
}

function whole(where: string, name: string, value: unknown, from: number): number {
  if (Number.isSafeInteger(value) && Number(value) >= from) return Number(value);
  throw new RangeError(`${where}: ${name} must be a whole number from ${from}, got ${String(value)}`);
}
