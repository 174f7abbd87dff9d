import type { Children } from '../children/index.js';
import type { Answer, Order } from './warm-protocol.js';

/** How a member went. */
export interface MemberExit {
  /** Null when a signal ended it, or it never started. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** What it threw, or why it could not be started. */
  readonly cause: unknown;
}

export interface LinkEvents {
  onAnswer(answer: Answer): void;
  /** Once; nothing comes after it. */
  onExit(exit: MemberExit): void;
}

/** What a member is started with. */
export interface LinkOptions {
  readonly name: string;
  /** Members are processes under these; threads without. */
  readonly children: Children | undefined;
  readonly script: URL;
  readonly env: NodeJS.ProcessEnv | undefined;
  readonly execArgv: readonly string[] | undefined;
  readonly argv: readonly string[];
  readonly workerData: unknown;
  readonly resourceLimits: object | undefined;
}

/** A thread or a process that was started, seen from its pool. */
export interface MemberLink {
  /** Thread number, or process number. */
  readonly id: number;
  /** @throws DataCloneError when it cannot be cloned; never because the member is gone: `onExit` tells that */
  send(order: Order, transfer?: readonly unknown[]): void;
  /** Whether the process stays alive for it. */
  keepAlive(isNeeded: boolean): void;
  /** Ends it at once, whatever it does; `onExit` follows, except for a thread in native code. */
  kill(): void;
}
