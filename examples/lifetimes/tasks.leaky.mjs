/** Mails that a dead server never answers. Nothing ends them. */
import { BackgroundTasks } from 'watertight/tasks';

let mails;

export function setup(scope) {
  mails = new BackgroundTasks({ name: 'mails', scope, onFailure: () => {} });
}

/** Answers never, and ends when it is told to. */
const send = (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

export default async function mail(n) {
  const options = { context: { mail: n } };
  mails.spawn('send', ({ signal }) => send(signal), options);
  await new Promise((resolve) => setTimeout(resolve, 1));
}
