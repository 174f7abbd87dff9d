/** The hub as a program: `PORT=8080 node examples/hub/server.mjs`. SIGTERM or SIGINT ends it in good order. */
import { main } from 'watertight/scope';
import { startHub } from './hub.mjs';

main(async (scope) => {
  const { server } = await startHub(scope, { listen: Number(process.env.PORT ?? 0) });
  console.log(`listening on ws://127.0.0.1:${server.address().port}/?user=NAME`);
});
