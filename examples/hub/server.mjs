/** The hub as a program: `PORT=8080 node examples/hub/server.mjs`. SIGTERM or SIGINT ends it in good order. */
import { Scope } from 'watertight/scope';
import { startHub } from './hub.mjs';

const scope = new Scope('hub');
const { server } = await startHub(scope, { listen: Number(process.env.PORT ?? 0) });
console.log(`listening on ws://127.0.0.1:${server.address().port}/?user=NAME`);

async function end(signal) {
  console.log(`${signal}: closing`);
  const report = await scope.close();
  console.log(
    `${report.status}: ${report.released} of ${report.initial} released in ${Math.round(report.durationMs)} ms`,
  );
  process.exitCode = report.status === 'completed' ? 0 : 1;
}
process.once('SIGTERM', end);
process.once('SIGINT', end);
