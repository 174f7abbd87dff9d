import { builtin } from '../core/index.js';

/** Removes a file or a link; one that is gone already is as good. */
export function unlinkIfThere(path: string): void {
  try {
    builtin.files.unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** A folder with all that is in it; links in it are removed, not followed. */
export function removeFolder(path: string): void {
  try {
    // Most are empty by then, and `rm` takes ten times as long.
    builtin.files.rmdirSync(path);
  } catch {
    builtin.files.rmSync(path, { recursive: true, force: true });
  }
}
