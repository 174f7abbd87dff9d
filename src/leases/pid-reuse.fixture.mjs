// Runs as the first process of a PID namespace: kills an owner, gives its pid to another one, and sweeps.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, writeFileSync } from 'node:fs';

const program = process.argv[2];
const ask = async (child, order, ...values) => {
  child.send({ order, values });
  const [answer] = await once(child, 'message');
  if (answer.error) throw new Error(answer.error);
  return answer.value;
};
const start = async () => {
  const child = fork(program, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], execArgv: [] });
  await ask(child, 'owner');
  return child;
};
const kill = async (child) => {
  child.kill('SIGKILL');
  await once(child, 'exit');
};

const sweeper = await start();
const first = await start();
const deadUid = await ask(first, 'owner');
await ask(first, 'segments', 3);
await kill(first);
let second;
for (let tries = 0; tries < 50 && second?.pid !== first.pid; tries++) {
  if (second) await kill(second);
  // Its first lease would sweep; it only takes the pid for now.
  writeFileSync('/proc/sys/kernel/ns_last_pid', String(first.pid - 1));
  second = fork(program, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], execArgv: [] });
}
const { reclaimed } = await ask(sweeper, 'reclaim');
const livingUid = await ask(second, 'owner');
await ask(second, 'segments', 3);
const again = await ask(sweeper, 'reclaim');
const names = readdirSync(process.env.WATERTIGHT_LEASE_DIR);
console.log(
  JSON.stringify({
    samePid: second.pid === first.pid,
    reclaimed: reclaimed.length,
    reclaimedAgain: again.reclaimed.length,
    leftOfTheDead: names.filter((name) => name.includes(deadUid)).length,
    leftOfTheLiving: names.filter((name) => name.includes(livingUid)).length,
  }),
);
for (const child of [sweeper, second]) await kill(child);
