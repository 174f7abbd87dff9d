#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { WatertightError } from '../core/index.js';
import { usage } from './arguments.js';
import { errorText } from './error-text.js';
import { EXIT } from './exit-codes.js';
import { heapCommand } from './heap-command.js';
import { HELP } from './help.js';
import { reclaimCommand } from './reclaim-command.js';
import { cannotWrite } from './report-files.js';
import { soakCommand } from './soak-command.js';

async function main(argv: readonly string[]): Promise<number> {
  const [command, ...rest] = argv;
  if (command === 'soak') return soakCommand(rest);
  if (command === 'heap') return heapCommand(rest);
  if (command === 'reclaim') return reclaimCommand(rest);
  if (command === '--version' || command === '-v') {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    process.stdout.write(`${version}\n`);
    return EXIT.clean;
  }
  if (command === undefined || command === '--help' || command === '-h' || command === 'help') {
    process.stdout.write(HELP);
    return command === undefined ? EXIT.usage : EXIT.clean;
  }
  throw usage(`There is no command ${command}`, 'watertight --help lists them');
}

/** A crash of our own must not end with Node's exit code 1, which says "leak" here. */
function crash(error: unknown): never {
  const known = error instanceof WatertightError;
  const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(known ? errorText(error) : `watertight: internal error, please report it\n${what}\n`);
  process.exit(EXIT.usage);
}

function noOutput(error: NodeJS.ErrnoException): never {
  // `watertight … | head`: the reader has had enough.
  if (error.code === 'EPIPE') process.exit(EXIT.usage);
  crash(cannotWrite('the standard output', error));
}

process.on('uncaughtException', crash);
process.stdout.on('error', noOutput);
process.stderr.on('error', () => {
  // Nobody reads the progress; the verdict does not depend on it.
});

const code = await main(process.argv.slice(2)).catch(crash);
// What an interrupted soak had started, such as requests that wait for an answer, must not keep the command open.
process.stdout.write('', (error) => (error ? noOutput(process.stdout.errored ?? error) : process.exit(code)));
