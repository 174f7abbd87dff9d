/*
 * Runs as process 1 of a namespace of its own, where orphans come to it: `unshare -p -f --mount-proc node --import tsx …`.
 * Prints what it has seen, as JSON.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { monotonicMs, procStat } from '../core/index.js';
import { native } from '../native/index.js';
import { signalProcess } from '../processes/index.js';
import { Children } from './children.js';
import { relativesOf } from './family.js';
import { until } from './processes.fixture.js';

const ORPHANS = 5;
const OWN = 10;

const children = new Children();
for (let n = 0; n < ORPHANS; n++) await children.start('sh', ['-c', '(sleep 1000 &); exit 0']).ended;
await until(() => children.usage().zombies.length === ORPHANS);

/** Of Node's own, while zombies are reaped: their exit codes have to arrive. */
const codes = Promise.all(Array.from({ length: OWN }, () => once(spawn('sh', ['-c', 'exit 7']), 'exit')));
const reaped = native() ? (await children.reapStrangers()).length : ORPHANS;
const own = (await codes).filter(([code]) => code === 7).length;
const left = native() ? children.usage().zombies.length : 0;

/** The number of a child that has gone, given to a stranger in a later tick. */
const gone = children.start('sleep', ['1000']);
const startTicks = procStat(gone.pid)!.startTicks;
await gone.end({ graceMs: 0 });
const later = monotonicMs() + 30;
await until(() => monotonicMs() > later);
writeFileSync('/proc/sys/kernel/ns_last_pid', String(gone.pid - 1));
const stranger = spawn('sleep', ['1000']);
const below = relativesOf({ pid: gone.pid, startTicks, mark: 'none' }, []);
const reuse = {
  isSameNumber: stranger.pid === gone.pid,
  signalled: signalProcess({ pid: gone.pid, startTicks }, 'SIGKILL'),
  below: below.length,
  tree: gone.tree().length,
  isAlive: procStat(stranger.pid!)?.state !== 'Z',
};
stranger.kill('SIGKILL');
await children.close();
process.stdout.write(`${JSON.stringify({ reaped, own, left, reuse })}\n`);
process.exit(0);
