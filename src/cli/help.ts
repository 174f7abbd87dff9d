export const HELP = `watertight keeps long-running Node.js programs from leaking, and proves it

  watertight soak <scenario>                         run a scenario file until it is decided: leak or clean
  watertight soak [--http URL] -- <command...>       the same for any Node.js server, as it is

  watertight soak --help     its options
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
