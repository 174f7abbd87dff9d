import { checkOptionNames, checkOwner, checkSignal, kindOf, type Owner } from '../core/index.js';

export interface ChildrenOptions {
  /** Ends all children when it closes. */
  readonly scope?: Owner;
  /** In reports and messages. Default `children`. */
  readonly name?: string;
  /** Most that run at a time, from 1; 64 if not given. */
  readonly limit?: number;
  /** Most that is kept of each output of each child, in bytes; 1 MiB if not given. So at most `limit` × 2 × that in all. */
  readonly outputBytes?: number;
  /** From being asked to end to being killed, in ms; 5,000 if not given, what Erlang's supervisors give a worker. */
  readonly graceMs?: number;
  /**
   * Whether a small shell outside waits for the death of this process, to kill what the children have started. True if not
   * given. Linux only. Cost: 1 ms once, one descriptor, some 1 MB.
   */
  readonly guard?: boolean;
}

/** One way for each of the three standard streams. */
export type StreamUse = 'pipe' | 'ignore' | 'inherit';

export interface StartOptions {
  /** In reports and messages; the command if not given. */
  readonly name?: string;
  /** Working folder, that of this process if not given. */
  readonly cwd?: string | URL;
  /** Whole environment, that of this process if not given. Two variables are added: the marks of the child. */
  readonly env?: NodeJS.ProcessEnv;
  /** Written to standard input, which then ends. */
  readonly input?: string | Uint8Array;
  /**
   * Standard input, output and error, or one word for all three; `['ignore', 'pipe', 'pipe']` if not given, input `pipe` if
   * there is an `input`. Outputs that are `pipe` are captured.
   */
  readonly stdio?: StreamUse | readonly [stdin: StreamUse, stdout: StreamUse, stderr: StreamUse];
  /** Most that is kept of each output, in bytes; that of `Children` if not given. */
  readonly outputBytes?: number;
  /** From being asked to end to being killed, in ms; that of `Children` if not given. */
  readonly graceMs?: number;
  /** What the kernel sends the child when this thread ends, however it ends; SIGKILL if not given, `false` for nothing. */
  readonly deathSignal?: 'SIGKILL' | 'SIGTERM' | false;
  /** Ends the child when it aborts. The listener is gone with the child. */
  readonly signal?: AbortSignal;
  /** Ends the child after so many ms; none if not given. */
  readonly timeoutMs?: number;
  /** Gives it a group and a session of its own, which is asked to end as a whole: a Ctrl-C of the terminal does not reach it. */
  readonly group?: boolean;
}

export interface ForkOptions extends StartOptions {
  readonly args?: readonly string[];
  /** Options of Node; those of this process if not given. */
  readonly execArgv?: readonly string[];
  readonly serialization?: 'json' | 'advanced';
  /** How it is asked to end: SIGTERM (`signal`, if not given), or by closing its channel, on which it gets `disconnect`. */
  readonly ask?: 'signal' | 'disconnect';
}

export interface ChildrenSettings {
  readonly name: string;
  readonly limit: number;
  readonly outputBytes: number;
  readonly graceMs: number;
  readonly guard: boolean;
}

export const CHILDREN_OPTION_NAMES = ['scope', 'name', 'limit', 'outputBytes', 'graceMs', 'guard'] as const;
export const START_OPTION_NAMES = [
  'name',
  'cwd',
  'env',
  'input',
  'stdio',
  'outputBytes',
  'graceMs',
  'deathSignal',
  'signal',
  'timeoutMs',
  'group',
] as const;
export const FORK_OPTION_NAMES = [...START_OPTION_NAMES, 'args', 'execArgv', 'serialization', 'ask'] as const;

const LIMIT = 64;
const OUTPUT_BYTES = 2 ** 20;
const GRACE_MS = 5_000;
/** Half of the longest text of V8 on 64 bits: what was kept becomes one. */
const MOST_OUTPUT_BYTES = 2 ** 28;
/** The longest that Node's timers can wait. */
const MOST_MS = 2 ** 31 - 1;
const STREAM_USES: readonly unknown[] = ['pipe', 'ignore', 'inherit'];

/** @throws TypeError, RangeError naming the option, its rule and what came */
export function settleChildrenOptions(options: ChildrenOptions): ChildrenSettings {
  const where = 'new Children(options)';
  checkOptionNames(where, options, CHILDREN_OPTION_NAMES);
  checkOwner(where, options.scope);
  const { name = 'children', guard = true, limit = LIMIT, outputBytes = OUTPUT_BYTES, graceMs = GRACE_MS } = options;
  checkText(where, 'name', name);
  checkBoolean(where, 'guard', guard);
  return {
    name,
    limit: checkWhole(where, 'limit', limit, 1),
    outputBytes: checkWhole(where, 'outputBytes', outputBytes, 0, MOST_OUTPUT_BYTES),
    graceMs: checkMs(where, 'graceMs', graceMs),
    guard,
  };
}

/** @throws TypeError, RangeError, before anything is registered or started */
export function checkStart(where: string, command: unknown, args: unknown, options: StartOptions): void {
  checkText(where, 'command', command);
  checkTexts(where, 'args', args);
  const { name, cwd, env, input, stdio, signal } = options;
  if (name !== undefined) checkText(where, 'name', name);
  if (cwd !== undefined && !(cwd instanceof URL)) checkText(where, 'cwd', cwd);
  if (env !== undefined && (typeof env !== 'object' || env === null)) throw wrong(where, 'env', 'an object', env);
  if (input !== undefined && typeof input !== 'string' && !(input instanceof Uint8Array))
    throw wrong(where, 'input', 'a text or a Uint8Array', input);
  checkStdio(where, stdio, input);
  checkSignal(where, signal);
  checkLimits(where, options);
}

/** @throws TypeError, RangeError for what only `fork` has */
export function checkFork(where: string, file: unknown, { execArgv, serialization, ask }: ForkOptions): void {
  if (!(file instanceof URL)) checkText(where, 'file', file);
  if (execArgv !== undefined) checkTexts(where, 'execArgv', execArgv);
  checkOneOf(where, 'serialization', serialization, ['json', 'advanced']);
  checkOneOf(where, 'ask', ask, ['signal', 'disconnect']);
}

export function checkMs(where: string, name: string, value: unknown): number {
  if (typeof value === 'number' && value >= 0 && value <= MOST_MS) return value;
  throw new RangeError(`${where}: ${name} must be a number of ms from 0 to ${MOST_MS}, not ${kindOf(value)}`);
}

export function checkWhole(where: string, name: string, value: unknown, from: number, to = 2 ** 31 - 1): number {
  if (Number.isInteger(value) && (value as number) >= from && (value as number) <= to) return value as number;
  throw new RangeError(`${where}: ${name} must be a whole number from ${from} to ${to}, not ${kindOf(value)}`);
}

function checkLimits(where: string, { outputBytes, graceMs, deathSignal, timeoutMs, group }: StartOptions): void {
  if (outputBytes !== undefined) checkWhole(where, 'outputBytes', outputBytes, 0, MOST_OUTPUT_BYTES);
  if (graceMs !== undefined) checkMs(where, 'graceMs', graceMs);
  if (timeoutMs !== undefined) checkMs(where, 'timeoutMs', timeoutMs);
  if (group !== undefined) checkBoolean(where, 'group', group);
  if (deathSignal !== false) checkOneOf(where, 'deathSignal', deathSignal, ['SIGKILL', 'SIGTERM']);
}

function checkStdio(where: string, stdio: StartOptions['stdio'], input: unknown): void {
  if (stdio === undefined) return;
  const uses: readonly unknown[] = Array.isArray(stdio) ? stdio : [stdio, stdio, stdio];
  if (uses.length !== 3 || !uses.every((use) => STREAM_USES.includes(use)))
    throw new RangeError(
      `${where}: stdio must be one or three of 'pipe', 'ignore' and 'inherit', not ${kindOf(stdio)}`,
    );
  if (input !== undefined && uses[0] !== 'pipe')
    throw new RangeError(`${where}: stdio must be 'pipe' for the standard input of a child that gets an input`);
}

function checkText(where: string, name: string, value: unknown): void {
  if (typeof value !== 'string' || value === '' || value.includes('\0'))
    throw wrong(where, name, 'a text that is not empty and has no zero byte', value);
}

function checkTexts(where: string, name: string, values: unknown): void {
  if (!Array.isArray(values)) throw wrong(where, name, 'an array of texts', values);
  for (const value of values)
    if (typeof value !== 'string' || value.includes('\0')) throw wrong(where, name, 'texts without zero bytes', value);
}

function checkBoolean(where: string, name: string, value: unknown): void {
  if (typeof value !== 'boolean') throw wrong(where, name, 'true or false', value);
}

function checkOneOf(where: string, name: string, value: unknown, choices: readonly string[]): void {
  if (value === undefined || choices.includes(value as string)) return;
  const list = choices.map((choice) => `'${choice}'`).join(' or ');
  throw new RangeError(`${where}: ${name} must be ${list}, not ${kindOf(value)}`);
}

function wrong(where: string, name: string, rule: string, value: unknown): TypeError {
  return new TypeError(`${where}: ${name} must be ${rule}, not ${kindOf(value)}`);
}
