import { existsSync } from 'node:fs';
import { isAlive } from '../../src/children/processes.fixture.js';
import type { Broker } from './broker.js';

/** What a broker has now, to look later what is left of it. */
export function belongings(broker: Broker): { processes: () => number[]; hasFolder: () => boolean } {
  const { folder } = broker;
  const pids = broker.children.list().flatMap((child) => [child.pid, ...child.tree().map(({ pid }) => pid)]);
  return { processes: () => pids.filter((pid) => isAlive(pid)), hasFolder: () => existsSync(folder) };
}
