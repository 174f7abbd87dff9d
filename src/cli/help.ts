export const HELP = `watertight keeps long-running Node.js programs from leaking, and proves it

  watertight soak <scenario>                         run a scenario file until it is decided: leak or clean
  watertight soak [--http URL] -- <command...>       the same for any Node.js server, as it is
  watertight heap <verb> <snapshot...>               ask a heap snapshot: what is big, who holds it, what grew
  watertight heap take <pid>                         take one from a running Node.js process

  watertight reclaim [--dry-run]                     remove what killed processes left behind

  watertight soak --help     its options
  watertight heap --help     its verbs
  watertight --version

Exit codes: 0 clean, 1 leak, 2 wrong usage or a program that does not run, 3 undecided
`;

export const SOAK_HELP = `watertight soak <scenario>
watertight soak [--http URL [--connections N] [--rate N]] -- <command...>

A scenario is a .mjs, .cjs, .js or .ts module:

  export default async (iteration, scope) => { /* one piece of work */ };
  export const setup = async (scope) => {};     // optional
  export const teardown = async () => {};       // optional

  --budget 60s        whole time; more time decides more
  --iterations N      iterations of the first look       (default: as many as fit 4 s)
  --warmup auto|N     iterations before the first sample (default: auto)
  --horizon 30d       growth below 1 GiB in this time is tolerated (default: 30d)
  --http URL          send requests to this URL while the command runs
  --connections N     connections at once                (default: 10)
  --rate N            most requests a second             (default: 1000)
  --json F            the result as JSON; - prints only JSON
  --html F            a report to look at
  --junit F           for CI systems
  --seed N            for the random parts of the method (default: 1)

Exit codes: 0 clean, 1 leak, 2 wrong usage or a program that does not run, 3 undecided
`;

export const HEAP_HELP = `watertight heap <verb> <file.heapsnapshot> ...

  stats <file>                     bytes by kind, counts, versions
  classes <file>                   objects, shallow and retained bytes by class
  largest <file>                   the objects that keep most bytes
  retainers <file> <Class|@id>     the paths that keep an object, or the objects of a class, alive
  dominators <file> [@id]          what goes when its owner goes, as a tree
  cycles <file>                    which classes refer to each other in circles
  strings <file>                   texts that are there more than once
  containers <file>                arrays, maps, sets and dictionaries by what they hold
  closures <file>                  variables that functions keep after the call that made them
  emitters <file>                  listeners by emitter and event
  timers <file>                    timers by the function that they call
  promises <file>                  promises by state and by who waits
  weak <file>                      targets of WeakRefs, sizes of weak collections
  graph <file> <Class|@id>         draws references and back-references  [--depth N] [--out F.svg]
  diff <before> <after>            classes and containers that changed: born, gone, bytes
  cohorts <file> <file> <file>...  what is born in every window and never freed
  take <pid|inspector url>         takes a snapshot of a running Node.js process  [--out F] [--force] [--count N] [--every S]

  --top N       rows that are shown                          (default: 20)
  --class X     the class, where it does not follow the file
  --depth N     steps of a graph, levels of a tree           (default: 3)
  --share P     smallest part of the heap in a tree          (default: 1%)
  --out F       file to write
  --force       take a snapshot although memory is short
  --count N     snapshots to take, for diff and cohorts (default 1)
  --every S     seconds between them (default 30)
  --json        print only JSON

Exit codes: 0 answered, 1 cohorts found a leak, 2 wrong usage or an unreadable file, 3 cohorts cannot tell yet
`;

export const RECLAIM_HELP = `watertight reclaim

Removes what processes of this user leased and left when they were killed: shared memory segments, temporary folders,
unix sockets, child processes, locks. What belongs to a live process, or to another user, is not touched.

  --dry-run     only say what would be removed
  --list        all leases of this user, of the living too
  --json        print only JSON

Exit codes: 0 done, 1 something could not be removed, 2 wrong usage
`;
