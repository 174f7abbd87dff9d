// All cases, by the kind of peer that they are for.
import { cacheCases } from './kinds/cache.js';
import { loansCases } from './kinds/loans.js';
import { programCases } from './kinds/program.js';
import { queueCases } from './kinds/queue.js';
import { scopeCases } from './kinds/scope.js';
import { serverCases } from './kinds/server.js';
import { signalsCases } from './kinds/signals.js';
import { startupCases } from './kinds/startup.js';
import { workersCases } from './kinds/workers.js';
import type { Case } from './observation.js';
import type { Kinds } from './peers/index.js';

export const cases: { readonly [Kind in keyof Kinds]: readonly Case<Kinds[Kind]>[] } = {
  scope: scopeCases,
  startup: startupCases,
  program: programCases,
  server: serverCases,
  loans: loansCases,
  workers: workersCases,
  queue: queueCases,
  cache: cacheCases,
  signals: signalsCases,
};

export const kinds = Object.keys(cases) as (keyof Kinds)[];
