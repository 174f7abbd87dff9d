import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { WatertightError } from '../core/index.js';
import { AgentGone, type AgentLink } from './agents.js';
import type { Target } from './target.js';

const AGENT_START_MS = 20_000;

/** The path of a scenario. @throws WatertightError WT_SOAK_NO_SCENARIO when there is none that could be run */
export function scenarioFile(name: string): string {
  const file = resolve(name);
  const refusal = (why: string, hint: string): WatertightError =>
    new WatertightError('WT_SOAK_NO_SCENARIO', `Cannot soak ${name} as ${why}`, { hint });
  if (!existsSync(file)) {
    throw refusal('there is no such file', 'check the path; to soak a command write: watertight soak -- <command>');
  }
  if (statSync(file).isDirectory()) throw refusal('it is a folder', 'name the scenario file in it');
  if (!/\.[cm]?[jt]sx?$/.test(file)) {
    throw refusal('it is neither JavaScript nor TypeScript', 'a scenario is a .js, .mjs, .cjs or .ts module');
  }
  return file;
}

/**
 * The isolate in the foreground: the host of a scenario, else the main thread that started last (npm starts node).
 * @throws WatertightError WT_SOAK_NO_NODE; AgentGone when the program ends with an error first
 */
export async function firstAgent(target: Target, isHost: boolean): Promise<AgentLink> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(noAgent()), AGENT_START_MS);
  });
  const ended = target.exited.then(({ code }): never => {
    throw code === 0 ? noAgent() : new AgentGone('');
  });
  try {
    const first = await Promise.race([target.hub.when((link) => link.isMainThread), ended, timeout]);
    return isHost ? first : (target.links.filter((link) => link.isMainThread).at(-1) ?? first);
  } finally {
    clearTimeout(timer);
  }
}

function noAgent(): WatertightError {
  return new WatertightError('WT_SOAK_NO_NODE', `No Node.js program appeared within ${AGENT_START_MS / 1000} s`, {
    hint: 'the command must start Node.js 20.19 or newer, and pass on NODE_OPTIONS',
  });
}
