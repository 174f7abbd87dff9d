import { builtin } from '../core/index.js';

type Done<T> = (error: NodeJS.ErrnoException | null, value?: T) => void;

/** One call of the file system as a promise; on descriptors, which `fs.promises` has not. */
export function fileCall<T = void>(call: (files: typeof import('node:fs'), done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    call(builtin.files, (error, value) => (error ? reject(error) : resolve(value as T)));
  });
}

/** Writes all of it: a disk that fills up takes a part, and says so at the next call only. */
export async function writeWhole(fd: number, bytes: Buffer, position: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    at += await fileCall<number>((files, done) =>
      files.write(fd, bytes, at, bytes.length - at, position + at, (error, written) => done(error, written)),
    );
  }
}

/** @returns fewer bytes at the end of the file */
export async function readPart(path: string, position: number, most: number): Promise<Buffer> {
  const fd = await fileCall<number>((files, done) => files.open(path, 'r', done));
  try {
    const bytes = Buffer.allocUnsafeSlow(most);
    let count = 0;
    while (count < most) {
      const read = await fileCall<number>((files, done) =>
        files.read(fd, bytes, count, most - count, position + count, (error, got) => done(error, got)),
      );
      if (read === 0) break;
      count += read;
    }
    return bytes.subarray(0, count);
  } finally {
    await closeFile(fd);
  }
}

export function closeFile(fd: number): Promise<void> {
  return fileCall((files, done) => files.close(fd, done));
}

export async function removeFile(path: string): Promise<void> {
  await fileCall((files, done) => files.unlink(path, done)).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}

/** A new name is on the disk when its folder is. */
export async function syncFolder(path: string): Promise<void> {
  const fd = await fileCall<number>((files, done) => files.open(path, 'r', done));
  try {
    await fileCall((files, done) => files.fsync(fd, done));
  } catch (error) {
    // Some file systems have no such thing for folders.
    if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error;
  } finally {
    await closeFile(fd);
  }
}
