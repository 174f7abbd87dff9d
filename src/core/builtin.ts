/**
 * A module of Node's, loaded when it is first asked for: importing this package loads none that it may not need, and an
 * import of one makes a second set of its exports (12 kB of heap for a small one, 150 kB for `fs`).
 */
export const builtin = {
  get asyncHooks(): typeof import('node:async_hooks') {
    return process.getBuiltinModule('node:async_hooks');
  },
  get childProcess(): typeof import('node:child_process') {
    return process.getBuiltinModule('node:child_process');
  },
  get diagnostics(): typeof import('node:diagnostics_channel') {
    return process.getBuiltinModule('node:diagnostics_channel');
  },
  get events(): typeof import('node:events') {
    return process.getBuiltinModule('node:events');
  },
  get files(): typeof import('node:fs') {
    return process.getBuiltinModule('node:fs');
  },
  get net(): typeof import('node:net') {
    return process.getBuiltinModule('node:net');
  },
  get os(): typeof import('node:os') {
    return process.getBuiltinModule('node:os');
  },
  get path(): typeof import('node:path') {
    return process.getBuiltinModule('node:path');
  },
  get stream(): typeof import('node:stream') {
    return process.getBuiltinModule('node:stream');
  },
  get stringDecoder(): typeof import('node:string_decoder') {
    return process.getBuiltinModule('node:string_decoder');
  },
  get threads(): typeof import('node:worker_threads') {
    return process.getBuiltinModule('node:worker_threads');
  },
  get url(): typeof import('node:url') {
    return process.getBuiltinModule('node:url');
  },
  get util(): typeof import('node:util') {
    return process.getBuiltinModule('node:util');
  },
};
