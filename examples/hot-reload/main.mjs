/**
 * Reloads a running engine while a client keeps sending: `node examples/hot-reload/main.mjs [reloads]`
 * With processes, one of which is killed after every tenth reload: `node examples/hot-reload/main.mjs 100 kill`
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Scope } from 'watertight';
import { Client } from './client.mjs';
import { startServer } from './server.mjs';

const RELOADS = Number(process.argv[2] ?? 300);
const BURST = 50;
const KILLS = process.argv[3] === 'kill';
const KILL_EVERY = 10;

await Scope.run('hot-reload', async (scope) => {
  const server = await startServer(scope, { kind: KILLS ? 'process' : 'worker' });
  const client = await Client.connect(scope, server.path);
  let isSending = true;
  const sending = (async () => {
    while (isSending) {
      await client.send(BURST);
      await nextTurn();
    }
  })();
  const times = [];
  while (times.length < RELOADS) {
    times.push(await server.reload());
    if (KILLS && times.length % KILL_EVERY === 0) process.kill(server.workers[0], 'SIGKILL');
    await nextTurn();
  }
  isSending = false;
  await sending;
  await client.allAnswered();
  const mean = times.reduce((sum, ms) => sum + ms, 0) / times.length;
  const { started, replaced } = server.pool.usage();
  console.log(`sent ${client.sent}, processed ${server.processed}, lost ${client.sent - client.answered}`);
  console.log(`${server.reloads} reloads, ${mean.toFixed(2)} ms mean, ${Math.max(...times).toFixed(2)} ms at most`);
  console.log(`${started} workers started, ${replaced} replaced`);
});
