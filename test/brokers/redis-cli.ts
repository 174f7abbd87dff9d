import { programPath } from './programs.mjs';
import type { OnMessage, Received, Unsubscribe } from './received.js';
import type { RedisBroker } from './redis-broker.js';
import { followTool, runTool } from './run-tool.js';

type Entry = readonly [id: string, fields: readonly string[]];

/** The field of a stream's entry that holds the event; the others are its headers. */
const BODY_FIELD = 'body';

const options = ({ password }: RedisBroker) =>
  password === undefined ? {} : { env: { ...process.env, REDISCLI_AUTH: password } };
const cliArgs = (broker: RedisBroker, args: string[]) => [
  '-h',
  '127.0.0.1',
  '-p',
  String(broker.port),
  '--json',
  '-e',
  ...args,
];

/** One command by redis-cli. @returns its reply @throws when Redis refuses it */
export async function redisCli(broker: RedisBroker, ...args: string[]): Promise<unknown> {
  return JSON.parse(await runTool(broker, programPath('redis-cli'), cliArgs(broker, args), options(broker)));
}

/** All entries of a stream, oldest first; none of one that there is not. */
export async function readRedisStream(
  broker: RedisBroker,
  stream: string,
  bodyField = BODY_FIELD,
): Promise<Received[]> {
  const entries = (await redisCli(broker, 'XRANGE', stream, '-', '+')) as Entry[];
  return entries.map(([id, fields]) => {
    const { [bodyField]: body = '', ...headers } = pairs(fields);
    return { id, body, headers };
  });
}

/** What is published on a channel, from the return of this function. */
export async function listenToRedis(broker: RedisBroker, channel: string, onMessage: OnMessage): Promise<Unsubscribe> {
  let subscribed = () => {};
  const isSubscribed = new Promise<void>((resolve) => {
    subscribed = resolve;
  });
  const onLine = (line: string) => {
    // The first line tells a person how to quit.
    if (!line.startsWith('[')) return;
    const [kind, , body] = JSON.parse(line) as [string, string, string];
    if (kind === 'subscribe') subscribed();
    if (kind === 'message') onMessage({ body, headers: {} });
  };
  const args = cliArgs(broker, ['SUBSCRIBE', channel]);
  const { stop, ended } = followTool(broker, programPath('redis-cli'), args, onLine, options(broker));
  const refused = ended.then(() => {
    throw new Error(`Cannot subscribe to ${channel}: redis-cli has ended`);
  });
  await Promise.race([isSubscribed, refused]);
  return stop;
}

function pairs(fields: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (let i = 0; i < fields.length; i += 2) found[fields[i]!] = fields[i + 1]!;
  return found;
}
