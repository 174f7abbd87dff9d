import { closeSync, openSync } from 'node:fs';

/** Two for each pipe, and two for the pipe by which libuv learns whether the command could be executed. */
const PIPE_DESCRIPTORS = 2;

/**
 * Why a child with so many pipes cannot be started, `EMFILE` or `ENFILE`; undefined when there are descriptors enough. Asked
 * before, as Node 20 loses two of them when they run out in the middle of a start (measured: 4 or 5 free, two pipes).
 * Cost: 3 µs a descriptor.
 */
export function lackOfDescriptors(pipes: number): string | undefined {
  const taken: number[] = [];
  try {
    for (let n = 0; n < PIPE_DESCRIPTORS * (pipes + 1); n++) taken.push(openSync('/dev/null', 'r'));
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  } finally {
    for (const fd of taken) closeSync(fd);
  }
}
