import { readFileSync } from 'node:fs';
import { namesIn, type ProcStat, procDescriptors, procStat, scanChildren } from '../core/index.js';

const PAUSE_MS = 3;

/** Waits for a state of the system that nobody announces. The runner's own time is the limit. */
export async function until<T>(look: () => T | undefined | false): Promise<T> {
  for (;;) {
    const seen = look();
    if (seen !== undefined && seen !== false) return seen;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

/** There, and no zombie. */
export function isAlive(pid: number, startTicks?: number): boolean {
  const stat = procStat(pid);
  return stat !== undefined && stat.state !== 'Z' && (startTicks === undefined || stat.startTicks === startTicks);
}

/** Processes, zombies apart, whose environment has a text in it. */
export function carriers(text: string): ProcStat[] {
  return namesIn('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      if (!readFileSync(`/proc/${name}/environ`, 'latin1').includes(text)) return [];
    } catch {
      return [];
    }
    const stat = procStat(Number(name));
    return stat && stat.state !== 'Z' ? [stat] : [];
  });
}

export const descriptorCount = (): number => procDescriptors(process.pid).length;

/** Of this process: children of `Children`, zombies, and the guard. */
export const childCount = (): number => scanChildren(process.pid).length;

/** Forgets it all: own session, no streams, its parent ends at once. Prints its number. */
export const DAEMON = "(setsid sh -c 'echo $$; exec sleep 1000 >/dev/null 2>&1 </dev/null' &)";
/** Ignores all that can be ignored, as do its children. */
export const DEAF = 'trap "" TERM INT HUP QUIT';
