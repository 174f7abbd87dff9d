// The standard's AsyncDisposableStack: Node's own and its polyfills. Each is loaded only where it is observed.
import type { ScopeKind } from '../kinds/scope.js';
import type { Peer } from './peer.js';

interface Stack {
  defer(release: () => unknown): void;
  disposeAsync(): Promise<void>;
}
type Load = () => Promise<new () => Stack>;

const stack = (load: Load): ScopeKind => ({
  async open() {
    const one = new (await load())();
    return { add: (_name, release) => one.defer(release), close: () => one.disposeAsync() };
  },
});

const native = () =>
  Promise.resolve((globalThis as unknown as { AsyncDisposableStack: new () => Stack }).AsyncDisposableStack);
const coreJs = async () =>
  (await import('core-js-pure/actual/async-disposable-stack/index.js')).default as unknown as new () => Stack;
const esShims = async () =>
  (await import('disposablestack/AsyncDisposableStack')).default as unknown as new () => Stack;
const whatwg = async () =>
  (await import('@whatwg-node/disposablestack')).AsyncDisposableStack as unknown as new () => Stack;

export const nativeStack: Peer = {
  name: 'native AsyncDisposableStack',
  absent: 'AsyncDisposableStack' in globalThis ? undefined : `Node ${process.version} has none`,
  scope: [{ kind: stack(native) }],
};
export const coreJsStack: Peer = { name: 'core-js-pure', package: 'core-js-pure', scope: [{ kind: stack(coreJs) }] };
export const esShimsStack: Peer = {
  name: 'disposablestack',
  package: 'disposablestack',
  scope: [{ kind: stack(esShims) }],
};
export const whatwgStack: Peer = {
  name: '@whatwg-node/disposablestack',
  package: '@whatwg-node/disposablestack',
  scope: [{ kind: stack(whatwg) }],
};
