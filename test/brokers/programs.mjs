/*
 * Where the programs of the brokers are on this machine. JavaScript, as `scripts/brokers.mjs` runs before anything is built;
 * its types are in `programs.d.mts`.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const COMMANDS = [
  ...(process.env.PATH ?? '').split(':'),
  '/usr/bin',
  '/usr/sbin',
  '/usr/local/bin',
  '/opt/homebrew/bin',
];
const LIBRARIES = ['/usr/local/lib', '/usr/lib64', '/usr/lib', ...triplets('/usr/lib')];
/** The commands on PATH change the user to `rabbitmq`; those that they wrap start for whoever calls them. */
const RABBIT = ['/usr/lib/rabbitmq/bin'];

/** By what it is called here: its file, the folders where it may be, and the Debian package that brings it. */
const PROGRAMS = {
  'redis-server': { file: 'redis-server', folders: COMMANDS, package: 'redis-server' },
  'redis-cli': { file: 'redis-cli', folders: COMMANDS, package: 'redis-server' },
  'nats-server': { file: 'nats-server', folders: COMMANDS, package: 'nats-server' },
  kcat: { file: 'kcat', folders: COMMANDS, package: 'kcat' },
  librdkafka: { file: 'librdkafka.so.1', folders: LIBRARIES, package: 'kcat' },
  'rabbitmq-server': { file: 'rabbitmq-server', folders: RABBIT, package: 'rabbitmq-server' },
  rabbitmqctl: { file: 'rabbitmqctl', folders: RABBIT, package: 'rabbitmq-server' },
  epmd: { file: 'epmd', folders: COMMANDS, package: 'rabbitmq-server' },
};

/** Debian keeps libraries in a folder for the processor, as `x86_64-linux-gnu`. */
function triplets(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.includes('-linux-'))
    .map((name) => join(folder, name));
}

const find = ({ file, folders }) => folders.map((folder) => join(folder, file)).find((path) => existsSync(path));

/** Debian packages of what is not on this machine; none when all is there. Cost: some 100 looks for a file, 1 ms. */
export function missingPackages() {
  const missing = Object.values(PROGRAMS).filter((program) => find(program) === undefined);
  return [...new Set(missing.map((program) => program.package))];
}

/** The path of a program. @throws when it is not on this machine, naming the command that installs it */
export function programPath(name) {
  const path = find(PROGRAMS[name]);
  if (path !== undefined) return path;
  throw new Error(`Cannot start ${name} as it is not on this machine; node scripts/brokers.mjs installs it`);
}
