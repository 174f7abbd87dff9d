import type { FileHandle } from 'node:fs/promises';
import { builtin, kindOf } from '../core/index.js';
import type { Scope } from './scope.js';

export function openFile(scope: Scope, path: string, flags: string | number, mode?: number): Promise<FileHandle> {
  return scope.acquire(
    `file ${path}`,
    () => builtin.files.promises.open(path, flags, mode),
    (file) => file.close(),
  );
}

/** @throws TypeError for a prefix that would lead elsewhere */
export function openTempDir(scope: Scope, prefix: string): Promise<string> {
  if (typeof prefix !== 'string' || /[/\\\0]/.test(prefix)) {
    throw new TypeError(`scope.tempDir(prefix): prefix must be a text without slashes, not ${kindOf(prefix)}`);
  }
  return scope.acquire(
    `folder ${prefix}`,
    () => builtin.files.promises.mkdtemp(`${builtin.os.tmpdir()}${builtin.path.sep}${prefix}`),
    (folder) => builtin.files.promises.rm(folder, { recursive: true, force: true }),
  );
}
