/**
 * Loads the agent into workers that are made from source text (`new Worker(code, { eval: true })`): Node.js runs
 * `--require` modules in them, but not `--import` ones. Elsewhere the agent is loaded already.
 *
 * The thread in which Node.js runs module loaders (tsx) is no part of the program. Node.js 22.14 says which one it is;
 * before that only the stack tells.
 */
import threads = require('node:worker_threads');

function isLoaderThread(): boolean {
  if ((threads as { isInternalThread?: boolean }).isInternalThread) return true;
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 100;
  const { stack = '' } = new Error();
  Error.stackTraceLimit = limit;
  return /node:internal\/modules\/esm\/(worker|hooks)/.test(stack);
}

if (!threads.isMainThread && !isLoaderThread()) void import('./preload.js');
