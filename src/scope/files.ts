import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Scope } from './scope.js';

export function openFile(scope: Scope, path: string, flags: string | number, mode?: number): Promise<FileHandle> {
  return scope.acquire(
    `file ${path}`,
    () => open(path, flags, mode),
    (file) => file.close(),
  );
}

export function openTempDir(scope: Scope, prefix: string): Promise<string> {
  return scope.acquire(
    `folder ${prefix}`,
    () => mkdtemp(join(tmpdir(), prefix)),
    (folder) => rm(folder, { recursive: true, force: true }),
  );
}
