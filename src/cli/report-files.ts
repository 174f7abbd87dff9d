import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { WatertightError } from '../core/index.js';
import { renderHtml, renderJson, renderJunit, type SoakOutcome } from '../soak/index.js';
import type { SoakArguments } from './arguments.js';

/** One report that was asked for. */
export interface ReportFile {
  readonly path: string;
  readonly render: (outcome: SoakOutcome) => string;
}

/** The files that the arguments name; standard output is not one. */
export function reportFiles({ json, html, junit }: SoakArguments): ReportFile[] {
  const files: ReportFile[] = [];
  if (json && json !== '-') files.push({ path: resolve(json), render: ({ result }) => renderJson(result) });
  if (html)
    files.push({
      path: resolve(html),
      render: ({ result, failure }) => renderHtml(result, { isCutShort: failure !== null }),
    });
  if (junit)
    files.push({
      path: resolve(junit),
      render: ({ result, failure }) => renderJunit(result, { isCutShort: failure !== null }),
    });
  return files;
}

/**
 * Told before the soak starts: nobody wants to learn after minutes that the report has no place. Asks by opening, as
 * permissions alone do not tell (a superuser has them all, a read-only disk ignores them).
 *
 * @throws WatertightError WT_CLI_CANNOT_WRITE
 */
export function checkWritable(path: string): void {
  try {
    // Opening a pipe and closing it again would be its end for the reader.
    if (isInPlace(path)) accessSync(path, constants.W_OK);
    else {
      const draft = draftOf(path);
      closeSync(openSync(draft, 'wx'));
      rmSync(draft);
    }
  } catch (error) {
    throw cannotWrite(path, error, 'nothing was run; create the folder or choose another path');
  }
}

/** Writes every report, whatever happens to the others; gives the errors of those that failed. */
export function writeReports(files: readonly ReportFile[], outcome: SoakOutcome): WatertightError[] {
  return files.flatMap(({ path, render }) => {
    try {
      write(path, render(outcome));
      return [];
    } catch (error) {
      return [cannotWrite(path, error)];
    }
  });
}

export function cannotWrite(
  path: string,
  error: unknown,
  hint = 'free some space or choose another path',
): WatertightError {
  const { code, message } = error as NodeJS.ErrnoException;
  const reasons: Record<string, string> = {
    ENOENT: existsSync(dirname(path)) ? 'no file can be made there' : 'its folder does not exist',
    EISDIR: 'it is a folder',
    EACCES: 'permission denied',
    ENOSPC: 'the disk is full',
  };
  return new WatertightError('WT_CLI_CANNOT_WRITE', `Cannot write ${path}: ${reasons[code ?? ''] ?? message}`, {
    hint,
    cause: error,
  });
}

/** Whole or not at all: a reader never finds half a report. */
function write(path: string, text: string): void {
  if (isInPlace(path)) {
    writeFileSync(path, text);
    return;
  }
  const draft = draftOf(path);
  try {
    writeFileSync(draft, text);
    renameSync(draft, targetOf(path));
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

/** A device, a pipe (`--json >(jq .)`) and a folder must not be replaced by a file. */
function isInPlace(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isDirectory()) throw Object.assign(new Error('it is a folder'), { code: 'EISDIR' });
  return stat !== undefined && !stat.isFile();
}

/** Behind a symbolic link, which stays one. */
const targetOf = (path: string): string => (existsSync(path) ? realpathSync(path) : path);

const draftOf = (path: string): string => `${targetOf(path)}.${process.pid}.part`;
