// What a peer offers to the cases: for each kind the ways in which its documents say to use it.
import type { CacheKind } from '../kinds/cache.js';
import type { LoansKind } from '../kinds/loans.js';
import type { ProgramKind } from '../kinds/program.js';
import type { QueueKind } from '../kinds/queue.js';
import type { ScopeKind } from '../kinds/scope.js';
import type { ServerKind } from '../kinds/server.js';
import type { SignalsKind } from '../kinds/signals.js';
import type { StartupKind } from '../kinds/startup.js';
import type { WorkersKind } from '../kinds/workers.js';
import type { Way } from '../observation.js';

export interface Kinds {
  readonly scope: ScopeKind;
  readonly startup: StartupKind;
  readonly program: ProgramKind;
  readonly server: ServerKind;
  readonly loans: LoansKind;
  readonly workers: WorkersKind;
  readonly queue: QueueKind;
  readonly cache: CacheKind;
  readonly signals: SignalsKind;
}

export type Peer = {
  readonly name: string;
  /** Its folder in node_modules, which tells the version; none for Node itself and for Watertight. */
  readonly package?: string;
  /** A reason why it cannot run here, such as a Node that lacks it. */
  readonly absent?: string;
  /** What a reader should know beside the outcome of a case: options looked for, by-hand remedies, sources. */
  readonly remarks?: Readonly<Record<string, string>>;
} & { readonly [Kind in keyof Kinds]?: readonly Way<Kinds[Kind]>[] };
