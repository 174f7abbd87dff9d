import { renderJson, renderTerminal, type SoakOutcome, SoakProgress, soak } from '../soak/index.js';
import { parseSoakArguments, type SoakArguments } from './arguments.js';
import { errorText } from './error-text.js';
import { EXIT } from './exit-codes.js';
import { SOAK_HELP } from './help.js';
import { checkWritable, reportFiles, writeReports } from './report-files.js';
import { isColourful, widthOf } from './terminal.js';

/** Of a file or a pipe. */
const PLAIN_WIDTH = 80;

/** `watertight soak …`: everything that it prints, writes and exits with. */
export async function soakCommand(argv: readonly string[]): Promise<number> {
  const args = parseSoakArguments(argv);
  if (!args) {
    process.stdout.write(SOAK_HELP);
    return EXIT.clean;
  }
  const files = reportFiles(args);
  for (const { path } of files) checkWritable(path);
  const outcome = await runWithSignals(args);
  const { result, failure } = outcome;
  const problems = writeReports(files, outcome);
  const hasNothing = failure !== null && result.iterations === 0;
  if (args.json === '-') process.stdout.write(renderJson(result));
  else if (!hasNothing)
    process.stdout.write(
      renderTerminal(result, {
        colour: isColourful(process.stdout),
        width: widthOf(process.stdout, PLAIN_WIDTH),
        isCutShort: failure !== null,
      }),
    );
  if (failure) process.stderr.write(errorText(failure));
  for (const problem of problems) process.stderr.write(errorText(problem));
  if (result.verdict === 'leak') return EXIT.leak;
  if (failure || problems.length > 0) return EXIT.usage;
  return result.verdict === 'clean' ? EXIT.clean : EXIT.undecided;
}

/** The first SIGINT or SIGTERM ends the soak with what it has; the second ends the command at once. */
async function runWithSignals({ options }: SoakArguments): Promise<SoakOutcome> {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
  };
  const progress = new SoakProgress(process.stderr, {
    interactive: process.stderr.isTTY === true && !process.env.CI,
    width: widthOf(process.stderr, PLAIN_WIDTH),
  });
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  try {
    return await soak({ ...options, signal: controller.signal, onProgress: (state) => progress.update(state) });
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
    progress.finish();
  }
}
