import { builtin, checkCallback, checkOptionNames, kindOf } from '../core/index.js';
import { checkTimeout } from './settings.js';

const NAMES = [
  'name',
  'until',
  'signals',
  'treeSignal',
  'closeTimeoutMs',
  'signalExitCode',
  'print',
  'onClosed',
] as const;
/** Of these no process hears. */
const DEAF: readonly unknown[] = ['SIGKILL', 'SIGSTOP'];

/**
 * Before the program begins: what is wrong would show only when it is told to end.
 * @throws TypeError or RangeError naming the option and what it got
 */
export function checkMainOptions(options: { readonly [name in (typeof NAMES)[number]]?: unknown }): void {
  checkOptionNames('main()', options, NAMES);
  const { until = 'idle', signals = [], treeSignal = null, closeTimeoutMs, signalExitCode } = options;
  if (until !== 'idle' && until !== 'returned') {
    throw new RangeError(`main(): until must be 'idle' or 'returned', not ${kindOf(until)}`);
  }
  if (!Array.isArray(signals)) throw new TypeError(`main(): signals must be an array, not ${kindOf(signals)}`);
  for (const signal of signals) checkSignalName('signals', signal);
  if (treeSignal !== null) checkSignalName('treeSignal', treeSignal);
  if (closeTimeoutMs !== undefined) checkTimeout('main(): closeTimeoutMs', closeTimeoutMs);
  if (signalExitCode !== undefined) checkExitCode(signalExitCode);
  checkCallback('main()', 'print', options.print);
  checkCallback('main()', 'onClosed', options.onClosed);
}

function checkSignalName(option: string, signal: unknown): void {
  if (typeof signal === 'string' && signal in builtin.os.constants.signals && !DEAF.includes(signal)) return;
  throw new RangeError(`main(): ${option} must be names of signals that can be heard, not ${kindOf(signal)}`);
}

function checkExitCode(code: unknown): void {
  if (Number.isInteger(code) && (code as number) >= 0 && (code as number) <= 255) return;
  throw new RangeError(`main(): signalExitCode must be a whole number from 0 to 255, not ${kindOf(code)}`);
}
