/*
 * A program with children, for tests that kill it: `node --import tsx parent.fixture.ts <json>`. Prints one line of JSON when
 * all is there, then does what `end` says.
 */
import { readFileSync } from 'node:fs';
import { main, Scope } from '../scope/index.js';
import { Children } from './children.js';
import type { StartOptions } from './settings.js';

export interface ParentPlan {
  readonly scripts: readonly string[];
  readonly options?: StartOptions;
  readonly guard?: boolean;
  /** `wait` for a signal; by main() under a scope; exit, throw, end by itself. */
  readonly end: 'wait' | 'main' | 'exit' | 'throw' | 'reject';
}

const plan = JSON.parse(process.argv[2]!) as ParentPlan;

async function start(scope: Scope): Promise<Children> {
  const children = new Children({ scope, guard: plan.guard ?? true });
  const pids: number[] = [];
  for (const script of plan.scripts) {
    const child = children.start('sh', ['-c', script], plan.options);
    pids.push(child.pid);
    for await (const line of child.lines()) {
      if (line === 'ready') break;
      pids.push(Number(line));
    }
  }
  const family = /WATERTIGHT_FAMILY=([^.,\0]+,)*([^.,\0]+)\./.exec(readFileSync(`/proc/${pids[0]}/environ`, 'latin1'));
  process.stdout.write(`${JSON.stringify({ pids, family: family?.[2] })}\n`);
  return children;
}

if (plan.end === 'main') void main((scope) => start(scope));
else {
  await start(new Scope('parent'));
  if (plan.end === 'exit') process.exit(0);
  if (plan.end === 'throw')
    setImmediate(() => {
      throw new Error('wanted');
    });
  if (plan.end === 'reject') void Promise.reject(new Error('wanted'));
}
