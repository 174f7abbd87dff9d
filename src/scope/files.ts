import type { FileHandle } from 'node:fs/promises';
import { builtin } from '../core/index.js';
import type { Scope } from './scope.js';

export function openFile(scope: Scope, path: string, flags: string | number, mode?: number): Promise<FileHandle> {
  return scope.acquire(
    `file ${path}`,
    () => builtin.files.promises.open(path, flags, mode),
    (file) => file.close(),
  );
}

export function openTempDir(scope: Scope, prefix: string): Promise<string> {
  return scope.acquire(
    `folder ${prefix}`,
    () => builtin.files.promises.mkdtemp(builtin.path.join(builtin.os.tmpdir(), prefix)),
    (folder) => builtin.files.promises.rm(folder, { recursive: true, force: true }),
  );
}
