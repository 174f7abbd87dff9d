/** Jobs in processes of their own. Each ends with all that it has started, and no job outlives this program. */
import { main } from 'watertight';
import { Children } from 'watertight/children';

main(async (scope) => {
  const children = new Children({ scope, limit: 4, graceMs: 2_000 });

  // A job with an input, and a bounded memory of what it writes.
  const sorted = await children.start('sort', ['-r'], { input: 'ash\nelm\noak\n', outputBytes: 64 * 1024 }).ended;
  console.log(sorted.stdout.text.trim().split('\n').join(' '));

  // A job that leaves a process behind: it is gone when the job is.
  const careless = await children.start('sh', ['-c', 'sleep 1000 & echo started']).ended;
  console.log(careless.stdout.text.trim(), `and left ${careless.survivors}, which is gone`);

  // A job that does not listen, with a time limit; its lines are read as they come.
  const deaf = children.start('sh', ['-c', 'trap "" TERM; echo up; while :; do sleep 1; done'], {
    timeoutMs: 300,
    graceMs: 100,
  });
  for await (const line of deaf.lines()) console.log('line:', line);
  const { reason, signal } = await deaf.ended;
  console.log(`ended by ${reason}, ${signal}`);
});
