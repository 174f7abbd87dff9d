/**
 * Loads the agent into workers that are made from source text (`new Worker(code, { eval: true })`): Node.js runs
 * `--require` modules in them, but not `--import` ones. Elsewhere the agent is loaded already.
 */
import threads = require('node:worker_threads');

if (!threads.isMainThread) void import('./preload.js');
