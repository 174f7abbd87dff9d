import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { builtin } from '../core/index.js';
import { FAMILY_VARIABLE, familyId, isLinux } from './family.js';

/*
 * A death signal reaches children only. Their own children, and whatever made itself a daemon, are for a guard: one shell for
 * each thread, outside of its session, that waits on a pipe of which this process holds the other end. When the process
 * dies, however it dies, the kernel closes that end, and the guard kills all that carries a mark of the family, until two
 * looks in a row find nobody. It ends with the process always: it has nothing else to wait for.
 */
const TICKS_A_SECOND = 20;
/** Looks before it gives up on what cannot be killed: 30 s. What changes between two looks is looked at again at once. */
const MOST_LOOKS = 600;
/** Busybox' grep knows no `-z`, and is then asked for one process after another. $1: pattern of the family's marks. Each line that it reads is the grace from now on, in ticks; `bye` ends it. */
const SCRIPT = `trap '' HUP INT TERM QUIT TSTP
grace=0
while read -r line; do [ "$line" = bye ] && exit 0; grace=$line; done
z=; printf 'a\\0b' | grep -qz '^b' 2>/dev/null && z=z
carriers() {
  if [ $z ]; then grep -lzE "$1" /proc/[0-9]*/environ 2>/dev/null; return; fi
  for file in /proc/[0-9]*/environ; do tr '\\0' '\\n' <"$file" 2>/dev/null | grep -qE "$1" && echo "$file"; done
}
look=0 empty=0 before=
while [ $empty -lt 2 ] && [ $look -lt $((grace + ${MOST_LOOKS})) ]; do
  found=$(carriers "$1" 2>/dev/null)
  if [ -z "$found" ]; then empty=$((empty + 1)); else empty=0; fi
  [ $look -ge $grace ] && for file in $found; do pid=\${file#/proc/}; kill -9 "\${pid%/environ}" 2>/dev/null; done
  if [ $look -lt $grace ] || [ "$found" = "$before" ]; then sleep 0.05; fi
  look=$((look + 1)) before=$found
done`;

let guard: ChildProcess | null = null;
let holders = 0;
let graceTicks = 0;

/** Keeps the guard of this thread; false where there can be none. Cost: one process (1.5 ms) for the first holder. */
export function holdGuard(): boolean {
  holders++;
  return ensureGuard();
}

/** Starts it again when somebody has killed it. */
export function ensureGuard(): boolean {
  if (!isLinux) return false;
  guard ??= startGuard();
  return guard !== null;
}

/** Children with a grace after the death of this process: all of the family get the longest of them. */
export function guardWaits(graceMs: number): void {
  const ticks = Math.ceil((graceMs / 1000) * TICKS_A_SECOND);
  if (ticks <= graceTicks) return;
  graceTicks = ticks;
  guard?.stdin?.write(`${ticks}\n`);
}

/** The last holder sends it home. */
export function releaseGuard(): void {
  if (--holders > 0) return;
  guard?.stdin?.end('bye\n');
  guard = null;
  graceTicks = 0;
}

function startGuard(): ChildProcess | null {
  const pattern = `^${FAMILY_VARIABLE}=(.*,)?${familyId()}\\.`;
  const started = builtin.childProcess.spawn('/bin/sh', ['-c', SCRIPT, 'watertight-guard', pattern], {
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: '/',
    // Without marks: it is no member of any family, and outlives the killing of an outer one.
    env: { PATH: '/usr/bin:/bin' },
    detached: true,
  });
  started.on('error', doNothing);
  if (started.pid === undefined) return null;
  started.on('exit', () => {
    if (guard === started) guard = null;
  });
  started.stdin!.on('error', doNothing);
  if (graceTicks > 0) started.stdin!.write(`${graceTicks}\n`);
  // It waits for this process, not this process for it.
  started.unref();
  (started.stdin as Socket).unref();
  return started;
}

function doNothing(): void {}
