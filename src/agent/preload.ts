/**
 * Loaded into every Node.js process and worker of the observed program (`--import`), before its own code.
 * Without a runner to talk to it does nothing.
 */
import { isMainThread } from 'node:worker_threads';
import { ENVIRONMENT } from '../monitor/index.js';
import { Agent } from './agent.js';

const socketPath = process.env[ENVIRONMENT.socket];

export const agent = socketPath ? new Agent(socketPath, end) : null;

/** The runner was killed: an observed program must not outlive it. */
function end(): void {
  if (isMainThread) process.kill(process.pid, 'SIGTERM');
}
