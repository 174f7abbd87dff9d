import { parseArgs } from 'node:util';
import { WatertightError } from '../core/index.js';
import type { SoakOptions } from '../soak/index.js';

export interface SoakArguments {
  readonly options: Omit<SoakOptions, 'onProgress' | 'signal'>;
  /** `-` for standard output. */
  readonly json: string | null;
  readonly html: string | null;
  readonly junit: string | null;
}

const DEFAULT_BUDGET = '60s';
const DEFAULT_CONNECTIONS = 10;
/** Requests a second: enough to see a leak of one object a request within seconds, bearable for any server. */
const DEFAULT_RATE_HZ = 1_000;

const OPTIONS = {
  iterations: { type: 'string' },
  budget: { type: 'string' },
  warmup: { type: 'string' },
  horizon: { type: 'string' },
  json: { type: 'string' },
  html: { type: 'string' },
  junit: { type: 'string' },
  seed: { type: 'string' },
  http: { type: 'string' },
  connections: { type: 'string' },
  rate: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** Reads the arguments behind `watertight soak`; null when help is asked for. */
export function parseSoakArguments(argv: readonly string[]): SoakArguments | null {
  const split = argv.indexOf('--');
  const own = split < 0 ? argv : argv.slice(0, split);
  const command = split < 0 ? null : argv.slice(split + 1);
  const { values, positionals } = parse(own);
  if (values.help) return null;
  return {
    options: {
      target: targetOf(positionals, command, values),
      iterations: values.iterations === undefined ? undefined : count('--iterations', values.iterations, 1),
      budgetMs: duration('--budget', values.budget ?? DEFAULT_BUDGET, 1_000),
      warmup: values.warmup === undefined || values.warmup === 'auto' ? 'auto' : count('--warmup', values.warmup, 0),
      horizonMs: values.horizon === undefined ? undefined : duration('--horizon', values.horizon, 1_000),
      seed: values.seed === undefined ? 1 : count('--seed', values.seed, 0),
    },
    json: values.json ?? null,
    html: values.html ?? null,
    junit: values.junit ?? null,
  };
}

type Values = ReturnType<typeof parse>['values'];

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw usage((error as Error).message.split('\n')[0]!, 'watertight soak --help lists the options');
  }
}

function targetOf(
  positionals: readonly string[],
  command: readonly string[] | null,
  values: Values,
): SoakOptions['target'] {
  if (command) {
    if (positionals.length > 0)
      throw usage(`Unexpected argument ${positionals[0]} before --`, 'give a scenario file or a command, not both');
    if (command.length === 0)
      throw usage(
        'There is no command after --',
        'for example: watertight soak --http http://127.0.0.1:3000 -- node server.js',
      );
    return { command, http: values.http === undefined ? null : load(values) };
  }
  if (positionals.length === 0) throw usage('There is nothing to soak', 'name a scenario file, or a command after --');
  if (positionals.length > 1)
    throw usage(`Unexpected argument ${positionals[1]}`, 'one scenario file at a time; a command goes after --');
  for (const name of ['http', 'connections', 'rate'] as const) {
    if (values[name] !== undefined) throw usage(`--${name} needs a command after --`, 'a scenario drives itself');
  }
  return { scenario: positionals[0]! };
}

function load(values: Values) {
  const url = values.http!;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw usage(
      `--http must be a URL such as http://127.0.0.1:3000/path, got ${url}`,
      'give the URL that the server answers',
    );
  }
  return {
    url,
    connections:
      values.connections === undefined ? DEFAULT_CONNECTIONS : count('--connections', values.connections, 1, 1_000),
    rateHz: values.rate === undefined ? DEFAULT_RATE_HZ : count('--rate', values.rate, 1, 100_000),
  };
}

function count(name: string, text: string, least: number, most = 1e9): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most) {
    throw usage(`${name} must be a whole number from ${least} to ${most}, got ${text}`, 'watertight soak --help');
  }
  return value;
}

const UNITS_MS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function duration(name: string, text: string, leastMs: number): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text);
  const ms = match ? Number(match[1]) * UNITS_MS[match[2]!]! : Number.NaN;
  if (!(ms >= leastMs))
    throw usage(`${name} must be a time such as 60s, 5m or 2h, got ${text}`, `the least is ${leastMs / 1000}s`);
  return ms;
}

export function usage(message: string, hint: string): WatertightError {
  return new WatertightError('WT_CLI_USAGE', message, { hint });
}
