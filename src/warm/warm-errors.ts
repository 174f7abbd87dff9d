import { errorText, WatertightError } from '../core/index.js';
import type { MemberExit } from './member-link.js';

/** @param why what the member did, or did not */
export function cannotStart(member: string, why: string, exit?: MemberExit): WatertightError {
  return new WatertightError('WT_WARM_CANNOT_START', `Cannot start member ${member} as ${why}`, {
    hint: 'a script of a warm pool calls serveSessions() when it is loaded; run it by itself to see what is wrong with it',
    details: { member, exitCode: exit?.exitCode, signal: exit?.signal },
    cause: exit?.cause,
  });
}

export function memberEnded(member: string, index: number, session: number, exit: MemberExit): WatertightError {
  const message = `Cannot go on with member ${index} (${member}) of session ${session} as it has ended: ${exitText(exit)}`;
  return new WatertightError('WT_WARM_MEMBER_ENDED', message, {
    hint: 'close the session and open a new one: another member takes its place',
    details: { session, index, member, exitCode: exit.exitCode, signal: exit.signal },
    cause: exit.cause,
  });
}

export function beginFailed(member: string, index: number, session: number, cause: unknown): WatertightError {
  const message = `Cannot open session ${session} as member ${index} (${member}) failed to begin: ${errorText(cause)}`;
  return new WatertightError('WT_WARM_BEGIN_FAILED', message, {
    hint: 'see the cause: what its function threw, or why a segment could not be opened',
    details: { session, index, member },
    cause,
  });
}

export function openTimeout(session: number, timeoutMs: number, indexes: readonly number[]): WatertightError {
  const message = `Cannot open session ${session} as members ${indexes.join(', ')} did not begin within ${timeoutMs} ms`;
  return new WatertightError('WT_WARM_OPEN_TIMEOUT', message, {
    hint: 'give it more time by `timeoutMs`, or do the slow part once, when the script is loaded',
    details: { session, indexes },
  });
}

/** @param lastFailure why the last member could not be started, if that is why */
export function noMembers(pool: string, wanted: number, timeoutMs: number, lastFailure: unknown): WatertightError {
  const message = `Cannot open a session of ${wanted} members in pool ${pool} as so many were not free within ${timeoutMs} ms`;
  return new WatertightError('WT_WARM_BUSY', message, {
    hint: 'close other sessions, raise `size`, or keep a `spare` for members that are replaced; a cause says why none starts',
    details: { pool, wanted },
    cause: lastFailure,
  });
}

export function tooManyWaiting(pool: string, waiting: number): WatertightError {
  return new WatertightError('WT_WARM_FULL', `Cannot open a session in pool ${pool} as ${waiting} wait already`, {
    hint: 'open fewer sessions at a time, or raise `size`',
    details: { pool, waiting },
  });
}

export function poolClosed(pool: string, action: string): WatertightError {
  return new WatertightError('WT_WARM_CLOSED', `Cannot ${action} as warm pool ${pool} has been stopped`, {
    hint: 'stop it after the last session, or make a new pool',
    details: { pool },
  });
}

export function sessionClosed(session: number): WatertightError {
  return new WatertightError('WT_WARM_SESSION_CLOSED', `Cannot send to session ${session} as it is closed`, {
    hint: 'send before close() is called',
    details: { session },
  });
}

export function stuckMembers(pool: string, members: readonly string[]): WatertightError {
  const message = `Cannot stop warm pool ${pool} as ${members.join(', ')} cannot be ended`;
  return new WatertightError('WT_WARM_STUCK', message, {
    hint: 'a thread in native code ends when that returns; use kind: "process" for such work',
    details: { pool, members },
  });
}

export function exitText({ exitCode, signal, cause }: MemberExit): string {
  if (cause !== undefined) return errorText(cause);
  return signal === null ? `exit code ${exitCode}` : `signal ${signal}`;
}
