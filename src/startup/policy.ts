import { plainText, WatertightError } from '../core/index.js';

/**
 * What a failed step does to the start-up.
 *
 * - `strict`: any failure ends it, whatever the step's impact is, and so does a count that is too low.
 * - `degrade`: the step's impact decides. The default.
 * - `skip`: nothing ends it but its own time limit and a closing scope; for development and emergencies.
 */
export type Policy = 'strict' | 'degrade' | 'skip';

const POLICIES: readonly string[] = ['strict', 'degrade', 'skip'] satisfies Policy[];
/** Variable of the environment that is read when the code names no policy. */
const VARIABLE = 'WATERTIGHT_STARTUP';

/**
 * The policy of the code, else that of `WATERTIGHT_STARTUP`, else `degrade`.
 *
 * @throws RangeError when the code names no policy that there is
 * @throws WatertightError `WT_STARTUP_UNKNOWN_POLICY` when the environment does; `WT_STARTUP_SKIP_REFUSED` for `skip` with
 * `NODE_ENV=production`, unless the code allows it
 */
export function choosePolicy(
  asked: Policy | undefined,
  allowSkipInProduction: boolean,
  env: Readonly<Record<string, string | undefined>>,
): Policy {
  const policy = asked ?? env[VARIABLE] ?? '';
  if (policy === '' && asked === undefined) return 'degrade';
  if (!POLICIES.includes(policy)) throw asked === undefined ? unknownPolicy(policy) : wrongPolicy(policy);
  if (policy === 'skip' && env.NODE_ENV === 'production' && !allowSkipInProduction) {
    const from = asked === undefined ? VARIABLE : 'the code';
    throw new WatertightError('WT_STARTUP_SKIP_REFUSED', `Cannot skip failed steps as ${from} asks in production`, {
      hint: `take strict or degrade, or allow it in the code: new Startup({ policy: 'skip', allowSkipInProduction: true })`,
      details: { policy, from },
    });
  }
  return policy as Policy;
}

function wrongPolicy(policy: string): RangeError {
  return new RangeError(
    `new Startup({ policy }): policy must be one of ${POLICIES.join(', ')}, received ${String(policy)}`,
  );
}

function unknownPolicy(policy: string): WatertightError {
  const message = `Cannot start by the policy ${plainText(policy, 40)} as there is no such policy`;
  return new WatertightError('WT_STARTUP_UNKNOWN_POLICY', message, {
    hint: `set ${VARIABLE} to ${POLICIES.join(', ')}, or remove it`,
    details: { policy },
  });
}
