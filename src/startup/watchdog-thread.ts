/** Places of the shared Int32Array, the deadlines of the steps behind them: ms since the epoch of the watchdog, 0 for none. */
export const CELLS = { version: 0, isDone: 1, entered: 2, parked: 3, deadlines: 4 } as const;

/** What the thread is told when it starts. */
export interface WatchdogData {
  readonly cells: Int32Array;
  /** `process.hrtime.bigint()` from which deadlines count: the one clock that threads share. */
  readonly epochNs: bigint;
  /** What the deadlines belong to, as a report names it, in their order. */
  readonly names: readonly string[];
  readonly graceMs: number;
  readonly exitCode: number;
  /** False where a permission model forbids the inspector: asking would abort the process (Node 24). */
  readonly mayAsk: boolean;
  /** Key of the function that the blocked thread is asked to call, `Symbol.for(hookKey)` of the global object. */
  readonly hookKey: string;
}

/*
 * The thread that watches. JavaScript in a text: as a file of its own it would be lost by bundlers, and it must start
 * without the loaders and preloads of the program, which may need the thread that is blocked.
 *
 * 1. sleep: blocks on the shared cells until the soonest deadline of a step has passed. No timer, no heartbeat: the main
 *    thread changes the version whenever a step begins or ends, and so also when its own timer ends a step in time.
 * 2. grace: the deadline passed and the version did not change. Counted in slices of 25 ms, of which none counts for more
 *    than 50: while a process is stopped (SIGSTOP, a laptop that sleeps) the clock goes on, but neither thread does.
 * 3. ask: `Runtime.evaluate` through `connectToMainThread` interrupts JavaScript at its next loop or call, and gives its
 *    stack and its step; a step that is still within its own budget is left alone until that is over. No answer means
 *    native code. A main thread that a debugger has paused does answer; it is not blocked, and waited for.
 * 4. tell: what is blocked, on standard error, by a system call: streams of a worker end in the blocked thread.
 * 5. end: the blocked thread runs the listeners of `exit` and parks; then `proc_exit` of WASI, the one call that ends a whole
 *    process from a worker with a chosen code (libc's `exit`). Parking first keeps its destructors from pulling what native
 *    code uses. SIGKILL where `exit` is not to be had, and by a shell after a second where it hangs.
 */
export const WATCHDOG_THREAD = `'use strict';
const { workerData } = require('node:worker_threads');
const { readdirSync, readFileSync, writeSync } = require('node:fs');
const { cells, epochNs, names, graceMs, exitCode, mayAsk, hookKey } = workerData;
const [VERSION, IS_DONE, ENTERED, PARKED, DEADLINES] = [0, 1, 2, 3, 4];
const SLICE_MS = 25;
const ANSWER_MS = 350;
const EXIT_LISTENERS_MS = 150;
const PAUSED_MS = 250;
const SHELL = 'sleep 1; read -r a b c parent rest < /proc/$$/stat; [ "$parent" = "$1" ] && kill -s KILL "$1"';
let session = null;
let leave = null;
// WASI calls itself experimental: not a matter of the program that is watched.
process.emitWarning = () => {};

const nowMs = () => Number(process.hrtime.bigint() - epochNs) / 1e6;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const isSame = (version) => Atomics.load(cells, VERSION) === version && Atomics.load(cells, IS_DONE) === 0;
const running = () => names.flatMap((_, step) => (cells[DEADLINES + step] > 0 ? [step] : []));
const dueOf = (steps, choose) => choose(...steps.map((step) => cells[DEADLINES + step]));

function outlasts(version, ms) {
  for (let slept = 0, before = nowMs(); slept < ms; ) {
    if (Atomics.wait(cells, VERSION, version, SLICE_MS) !== 'timed-out') return false;
    const now = nowMs();
    slept += Math.min(now - before, 2 * SLICE_MS);
    before = now;
  }
  return isSame(version);
}

function post(method, params) {
  if (session === null) {
    const { Session } = require('node:inspector');
    session = new Session();
    session.connectToMainThread();
  }
  return new Promise((resolve) => session.post(method, params, (error, result) => resolve(error ? null : result)));
}

const call = (what) =>
  post('Runtime.evaluate', {
    expression: 'globalThis[Symbol.for(' + JSON.stringify(hookKey) + ')]?.(' + JSON.stringify(what) + ')',
    returnByValue: true,
    silent: true,
  });

async function whereIsIt() {
  try {
    const answering = mayAsk ? Promise.race([call('where'), pause(ANSWER_MS)]) : null;
    prepareExit();
    const answer = await answering;
    return answer?.result?.value ?? null;
  } catch {
    return null;
  }
}

async function isPausedByDebugger() {
  let isPaused = false;
  session.once('Debugger.paused', () => { isPaused = true; });
  await Promise.race([post('Debugger.enable'), pause(ANSWER_MS)]);
  await Promise.race([post('Debugger.disable'), pause(ANSWER_MS)]);
  session.removeAllListeners('Debugger.paused');
  return isPaused;
}

function disconnect() {
  session?.disconnect();
  session = null;
}

function textAt(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function nativeFacts() {
  const { pid } = process;
  const state = /^State:\\s*(.+)$/m.exec(textAt('/proc/' + pid + '/status'))?.[1];
  const wait = textAt('/proc/' + pid + '/wchan').trim();
  const children = textAt('/proc/' + pid + '/task/' + pid + '/children').trim().split(' ').filter(Boolean).slice(0, 8);
  const commands = children.map((child) => child + ' ' + textAt('/proc/' + child + '/cmdline').replace(/\\0/g, ' ').trim().slice(0, 120));
  return [
    mayAsk ? '    in native code, where its stack cannot be seen' : '    where, cannot be seen: no permission for the inspector',
    ...(state ? ['    state of the thread: ' + state + (wait && wait !== '0' ? ', in ' + wait : '')] : []),
    ...(commands.length > 0 ? ['    child processes: ' + commands.join(', ')] : []),
  ];
}

function tell(step, suspects, answer) {
  const due = dueOf(suspects, Math.max);
  const who = suspects.map((one) => names[one]).join(' or ');
  const stack = answer === null ? nativeFacts() : answer.stack.map((line) => '    ' + line);
  const others = running().filter((one) => !suspects.includes(one)).map((one) => names[one]);
  const lines = [
    'watertight: the ' + who + ' blocks the event loop, ' + Math.round(nowMs() - due) + ' ms after its limit',
    ...stack,
    ...(others.length > 0 ? ['    running beside it: ' + others.join(', ')] : []),
    leave ? '    the process ends with code ' + exitCode : '    the process is killed, as WASI is not to be had',
  ];
  print(lines.map((line) => line.replace(/[\\x00-\\x1f\\x7f-\\x9f]/g, '?')).join('\\n') + '\\n');
}

function print(text) {
  let bytes = Buffer.from(text);
  for (let tries = 0; bytes.length > 0 && tries < 20; tries++) {
    try {
      bytes = bytes.subarray(writeSync(2, bytes));
    } catch (error) {
      if (error.code !== 'EAGAIN') return;
      Atomics.wait(cells, PARKED, 0, 5);
    }
  }
}

function prepareExit() {
  try {
    leave ??= exitOfWasi();
  } catch {}
}

function exitOfWasi() {
  const { WASI } = require('node:wasi');
  const wasi = new WASI({ version: 'preview1', returnOnExit: false });
  const name = (text) => [text.length, ...Buffer.from(text)];
  const code = exitCode < 64 ? [exitCode] : [(exitCode & 0x7f) | 0x80, exitCode >> 7];
  const section = (id, content) => [id, content.length, ...content];
  const body = [0, 0x41, ...code, 0x10, 0, 0x0b];
  const module = Buffer.from([
    0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(1, [2, 0x60, 1, 0x7f, 0, 0x60, 0, 0]),
    ...section(2, [1, ...name('wasi_snapshot_preview1'), ...name('proc_exit'), 0, 0]),
    ...section(3, [1, 1]),
    ...section(5, [1, 0, 0]),
    ...section(7, [2, ...name('memory'), 2, 0, ...name('_start'), 0, 1]),
    ...section(10, [1, body.length, ...body]),
  ]);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module), wasi.getImportObject());
  return () => wasi.start(instance);
}

function end(isAnswering) {
  if (isAnswering) call('end').catch(() => {});
  try {
    require('node:child_process').spawn('sh', ['-c', SHELL, 'sh', String(process.pid)], { detached: true, stdio: 'ignore' });
  } catch {}
  if (isAnswering) Atomics.wait(cells, PARKED, 0, EXIT_LISTENERS_MS);
  try {
    leave?.();
  } catch {}
  process.kill(process.pid, 'SIGKILL');
}

async function examine(version) {
  const answer = await whereIsIt();
  if (!outlasts(version, 2 * SLICE_MS)) return disconnect();
  if (answer?.isInspected && (await isPausedByDebugger())) {
    disconnect();
    await pause(PAUSED_MS);
    return;
  }
  const step = answer ? answer.step : Atomics.load(cells, ENTERED) - 1;
  const suspects = cells[DEADLINES + step] > 0 && step >= 0 ? [step] : running();
  const restMs = dueOf(suspects, Math.max) - nowMs();
  if (restMs > 0) {
    disconnect();
    Atomics.wait(cells, VERSION, version, restMs);
    return;
  }
  if (!isSame(version)) return disconnect();
  tell(step, suspects, answer);
  end(answer !== null);
}

async function watch() {
  while (Atomics.load(cells, IS_DONE) === 0) {
    const version = Atomics.load(cells, VERSION);
    const steps = running();
    const restMs = steps.length > 0 ? dueOf(steps, Math.min) - nowMs() : Infinity;
    if (restMs > 0) Atomics.wait(cells, VERSION, version, restMs);
    else if (outlasts(version, graceMs)) await examine(version);
  }
  disconnect();
}

watch();
`;
