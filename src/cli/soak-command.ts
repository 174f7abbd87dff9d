import { accessSync, constants, existsSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { plainText, WatertightError } from '../core/index.js';
import {
  renderHtml,
  renderJson,
  renderJunit,
  renderTerminal,
  type SoakOutcome,
  SoakProgress,
  soak,
} from '../soak/index.js';
import { parseSoakArguments, type SoakArguments } from './arguments.js';
import { EXIT } from './exit-codes.js';
import { SOAK_HELP } from './help.js';

const MAX_WIDTH = 100;

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
  if (args.json === '-') process.stdout.write(renderJson(result));
  else
    process.stdout.write(
      renderTerminal(result, { colour: isColourful(process.stdout), width: widthOf(process.stdout) }),
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
    width: widthOf(process.stderr),
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

interface ReportFile {
  readonly path: string;
  readonly render: (outcome: SoakOutcome) => string;
}

function reportFiles({ json, html, junit }: SoakArguments): ReportFile[] {
  const files: ReportFile[] = [];
  if (json && json !== '-') files.push({ path: resolve(json), render: ({ result }) => renderJson(result) });
  if (html) files.push({ path: resolve(html), render: ({ result }) => renderHtml(result) });
  if (junit) files.push({ path: resolve(junit), render: ({ result }) => renderJunit(result) });
  return files;
}

/** Told before the soak starts: nobody wants to learn after minutes that the report has no place. */
function checkWritable(path: string): void {
  try {
    if (existsSync(path) && statSync(path).isDirectory()) throw new Error('it is a folder');
    accessSync(existsSync(path) ? path : dirname(path), constants.W_OK);
  } catch (error) {
    const reason =
      (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'its folder does not exist' : (error as Error).message;
    throw new WatertightError('WT_CLI_CANNOT_WRITE', `Cannot write ${path}: ${reason}`, {
      hint: 'nothing was run; create the folder or choose another path',
      cause: error,
    });
  }
}

/** Whole or not at all: a reader never finds half a report. */
function writeReports(files: readonly ReportFile[], outcome: SoakOutcome): WatertightError[] {
  return files.flatMap(({ path, render }) => {
    const draft = `${path}.${process.pid}.part`;
    try {
      writeFileSync(draft, render(outcome));
      renameSync(draft, path);
      return [];
    } catch (error) {
      rmSync(draft, { force: true });
      const message = `Cannot write ${path}: ${error instanceof Error ? error.message : String(error)}`;
      return [
        new WatertightError('WT_CLI_CANNOT_WRITE', message, {
          hint: 'free some space or choose another path',
          cause: error,
        }),
      ];
    }
  });
}

/** An error as people read it: what, where in their code, what next. Its text may come from the observed program. */
export function errorText(error: WatertightError): string {
  const { stack, output } = error.details as { stack?: string; output?: string };
  const lines = (text: string, most: number): string[] =>
    text
      .split('\n')
      .slice(0, most)
      .map((line) => `    ${plainText(line, 200)}`);
  return [
    `watertight: ${plainText(error.message, 1_000)}`,
    ...(stack ? lines(programStack(stack), 12) : []),
    ...(output ? ['  its last output:', ...lines(output, 15)] : []),
    error.hint ? `  → ${plainText(error.hint, 300)}` : '',
    `  (${error.code})`,
  ]
    .filter((line) => line !== '')
    .join('\n')
    .concat('\n');
}

/** A stack without the frames of Node and of this package. */
function programStack(stack: string): string {
  const own = new URL('../', import.meta.url).pathname;
  return stack
    .split('\n')
    .filter((line) => !(/^\s+at /.test(line) && (line.includes('node:internal') || line.includes(own))))
    .join('\n');
}

function isColourful(stream: NodeJS.WriteStream): boolean {
  if (process.env.NO_COLOR) return false;
  if (process.env.FORCE_COLOR && process.env.FORCE_COLOR !== '0') return true;
  return stream.isTTY === true && process.env.TERM !== 'dumb';
}

const widthOf = (stream: NodeJS.WriteStream): number => Math.min(MAX_WIDTH, stream.columns ?? 80);
