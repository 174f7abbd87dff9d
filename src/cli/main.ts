#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { WatertightError } from '../core/index.js';
import { usage } from './arguments.js';
import { EXIT } from './exit-codes.js';
import { HELP } from './help.js';
import { errorText, soakCommand } from './soak-command.js';

async function main(argv: readonly string[]): Promise<number> {
  const [command, ...rest] = argv;
  if (command === 'soak') return soakCommand(rest);
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

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // `watertight … | head`: the reader has had enough.
  if (error.code === 'EPIPE') process.exit(EXIT.usage);
  throw error;
});

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof WatertightError)) throw error;
  process.stderr.write(errorText(error));
  process.exitCode = EXIT.usage;
}
