import { builtin, CallPlace, plainText, WatertightError } from '../core/index.js';
import type { Scope } from './scope.js';

const WATCH_DEPTH = 3;

/** What is known of a scope after it is gone. It must not hold the scope, or nothing would ever be forgotten. */
export class Watch {
  readonly name: string;
  readonly place: CallPlace;
  held = 0;

  constructor(name: string, place: CallPlace) {
    this.name = name;
    this.place = place;
  }
}

const registry = new FinalizationRegistry<Watch>((watch) => {
  if (watch.held > 0) report(watch);
});

/** Reports `scope` when it is collected while it still holds something. */
export function watchScope(scope: Scope, name: string): Watch {
  // Below the constructor stand at most two frames of ours: `child`, and what calls it.
  const watch = new Watch(name, new CallPlace(scope.constructor, WATCH_DEPTH));
  registry.register(scope, watch, watch);
  return watch;
}

export function endWatch(watch: Watch): void {
  registry.unregister(watch);
}

/** Published as `{ name, held, createdAt }`, and as a warning of the process. */
function report({ name, held, place }: Watch): void {
  const createdAt = place.text;
  builtin.diagnostics.channel('watertight:scope-forgotten').publish({ name, held, createdAt });
  const what = `Scope ${plainText(name, 80)} was forgotten: it was never closed, and held ${held} ${held === 1 ? 'resource' : 'resources'}`;
  process.emitWarning(
    new WatertightError('WT_SCOPE_FORGOTTEN', createdAt === undefined ? what : `${what}; made at ${createdAt}`, {
      hint: 'close it on every path: `await using`, Scope.run(), or make it a child of a scope that is closed',
      details: { name, held, createdAt },
    }),
  );
}
