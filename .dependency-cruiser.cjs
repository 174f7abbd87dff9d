// The layers of ARCHITECTURE.md, as rules: `npm run layers` draws the import graph of src and fails on any other arrow.

/** Rooms by row, lowest first. A room imports rows below its own, never a neighbour. */
const ROWS = [
  ['core'],
  ['scope', 'bounded', 'heap', 'native', 'processes'],
  ['pool', 'tasks', 'weak', 'monitor', 'leases'],
  ['startup', 'threads', 'connections', 'leaks', 'shm', 'children', 'publish'],
  ['soak', 'agent', 'blocks', 'warm'],
  ['cli'],
];

const rooms = ROWS.flat();
const folder = (names) => `^src/(${names.join('|')})/`;

/** What stands beside or above a room may not be imported by it. */
const layers = ROWS.flatMap((row, level) =>
  row.map((room) => ({
    name: `${room}-imports-down`,
    comment: `${room} imports only from rows below row ${level}.`,
    severity: 'error',
    from: { path: `^src/${room}/` },
    to: { path: folder(ROWS.slice(level).flat()), pathNot: `^src/${room}/` },
  })),
);

module.exports = {
  forbidden: [
    ...layers,
    {
      name: 'rooms-are-known',
      comment: 'A new room gets its row in this file and in ARCHITECTURE.md first.',
      severity: 'error',
      from: { path: '^src/[^/]+/', pathNot: folder(rooms) },
      to: {},
    },
    {
      name: 'one-door',
      comment: 'A room is entered through its index.ts.',
      severity: 'error',
      from: { path: '^src/([^/]+)/' },
      to: { path: '^src/[^/]+/', pathNot: ['^src/$1/', '^src/[^/]+/index\\.ts$'] },
    },
    {
      name: 'root-through-doors',
      comment: 'The package root re-exports from doors.',
      severity: 'error',
      from: { path: '^src/[^/]+\\.ts$' },
      to: { path: '^src/[^/]+/', pathNot: '^src/[^/]+/index\\.ts$' },
    },
    {
      name: 'nobody-imports-the-root',
      comment: 'src/index.ts is for users; a room that needs it would close a circle.',
      severity: 'error',
      from: { path: '^src/[^/]+/' },
      to: { path: '^src/[^/]+\\.ts$' },
    },
    {
      name: 'no-cycles',
      comment: 'A type may name its owner: such an arrow is gone after the build, and circles over one are let pass.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-test-code',
      comment: 'What ships imports neither tests nor their fixtures.',
      severity: 'error',
      from: { path: '^src/', pathNot: '\\.(test|fixture)\\.ts$' },
      to: { path: ['\\.(test|fixture)\\.ts$', '^(test|examples|bench|scripts)/'] },
    },
    {
      name: 'no-development-packages',
      comment: 'What ships imports only what package.json installs for users.',
      severity: 'error',
      from: { path: '^src/', pathNot: '\\.(test|fixture)\\.ts$' },
      // A peer that users choose to install is installed for development too.
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['npm-peer'] },
    },
    {
      name: 'terminal-only-in-cli',
      comment: 'Reading arguments, questions to the terminal and colour of streams belong to the command line.',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/cli/', '\\.(test|fixture)\\.ts$'] },
      to: { path: '^(node:)?(readline|readline/promises|tty|repl)$' },
    },
    {
      name: 'everything-resolves',
      severity: 'error',
      from: { path: '^src/' },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'types', 'node'] },
  },
};
