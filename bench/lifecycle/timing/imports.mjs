// What loading costs: time and heap, beyond a process that loads an empty module.
export const imports = {
  "import 'watertight'": '../../../dist/index.js',
  "import 'watertight/scope'": '../../../dist/scope/index.js',
  "import 'watertight/tasks'": '../../../dist/tasks/index.js',
  'an empty module': './empty.mjs',
  'core-js-pure': 'core-js-pure/actual/async-disposable-stack/index.js',
  'effect 4 (Effect and Scope)': './effect4.mjs',
  'effection 4': 'effection',
  'p-limit': 'p-limit',
  'p-queue': 'p-queue',
  'generic-pool': 'generic-pool',
  tarn: 'tarn',
  'close-with-grace': 'close-with-grace',
};
