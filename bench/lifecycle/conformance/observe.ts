// One peer in one case, in this process. Run by run.ts: observe.ts <kind> <case> <peer> <way> <variant>; the log goes to descriptor 3.
import { cases } from './cases.js';
import { type Case, Log } from './observation.js';
import { type Kinds, peers } from './peers/index.js';

const [kind, caseName, peerName, way, variant] = process.argv.slice(2) as [keyof Kinds, string, string, string, string];
const log = new Log(3);

// What nobody handles is told, and does not end the observation: a peer that handles it itself is left alone.
process.on('unhandledRejection', (error) => log.note('unhandled rejection', undefined, String(error)));

const one = cases[kind].find(({ name }) => name === caseName) as Case<unknown> | undefined;
const used = peers.find(({ name }) => name === peerName)?.[kind]?.[Number(way)]?.kind;
if (one === undefined || used === undefined) throw new Error(`No such observation: ${process.argv.slice(2).join(' ')}`);

await one.run(used, log, variant);
log.note('observed');
process.exit(0);
