/** A program that retains seven objects one after the other and prints what each watch says; see `watch-collected.test.ts`. */
import { watchCollected } from './watch-collected.js';

const sessions: object[] = [];

function open(): ReturnType<typeof watchCollected> {
  const session = { user: `user ${sessions.length}` };
  sessions.push(session);
  return watchCollected(session, 'session', { withinMs: 0, force: true });
}

for (let i = 0; i < 7; i++) console.log((await open()).path ?? 'no path');
// Nothing waits for this one, so that the process ends.
watchCollected(sessions, 'list', { withinMs: 60_000 });
