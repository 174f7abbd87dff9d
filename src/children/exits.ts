/** What is to be killed when this thread's process ends by `process.exit()`, an uncaught error or an empty event loop. */
const atExit = new Set<() => void>();

/** Calls `kill` at the end, unless the returned function is called before. One listener for all, gone with the last. */
export function onProcessExit(kill: () => void): () => void {
  if (atExit.size === 0) process.on('exit', killAll);
  atExit.add(kill);
  return () => {
    if (atExit.delete(kill) && atExit.size === 0) process.off('exit', killAll);
  };
}

function killAll(): void {
  for (const kill of atExit) kill();
}
