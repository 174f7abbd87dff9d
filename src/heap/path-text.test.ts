import { beforeAll, describe, expect, it } from 'vitest';
import type { HeapSnapshot } from './heap-snapshot.js';
import { describePath } from './path-text.js';
import { nodesOf, pathTexts, snapshotOf } from './program-snapshot.fixture.js';
import { readSnapshot } from './read-snapshot.js';
import { RetainingPaths } from './retaining-paths.js';

const ESM_PROGRAM = `
import { EventEmitter } from 'node:events';
class ModuleItem {} class PrivateItem {} class MapItem {} class SetItem {} class ListenerItem {} class TimerItem {}
class AwaitedItem {} class WeakItem {} class DictionaryItem {} class BoundItem {} class GlobalItem {} class HostileItem {}
class ThenItem {}
class ListItem { next = null }
class Controller { #history = []; add(item) { this.#history.push(item); } }
const times = (n, make) => { for (let i = 0; i < n; i++) make(i); };
const history = []; times(50, () => history.push(new ModuleItem()));
const controller = new Controller(); times(50, () => controller.add(new PrivateItem()));
const cache = new Map(); times(50, (i) => cache.set('k' + i, new MapItem()));
const seen = new Set(); times(50, () => seen.add(new SetItem()));
const bus = new EventEmitter(); bus.setMaxListeners(0);
for (let i = 0; i < 50; i++) { const item = new ListenerItem(); bus.on('message', function onMessage() { return item; }); }
const list = { head: null }; times(10_000, () => { const item = new ListItem(); item.next = list.head; list.head = item; });
function startTimer() { const items = []; times(50, () => items.push(new TimerItem())); setInterval(function tick() { items.push(1); }, 1e6); }
startTimer();
const pending = [];
async function fetchUser() { const item = new AwaitedItem(); await new Promise((resolve) => pending.push(resolve)); return item; }
times(50, fetchUser);
const waiting = [];
times(50, () => { const item = new ThenItem(); const promise = new Promise(() => {}); promise.then(function done() { return item; }); waiting.push(promise); });
const weak = new WeakMap(); const keys = []; times(50, () => { const key = {}; keys.push(key); weak.set(key, new WeakItem()); });
const dictionary = {}; times(500, (i) => { dictionary['key-' + i] = new DictionaryItem(); });
const bound = []; times(50, () => bound.push((function call() { return this; }).bind(new BoundItem())));
globalThis.stash = { deep: [] }; times(50, () => globalThis.stash.deep.push(new GlobalItem()));
const hostile = {};
hostile['\\u001b[2J\\u202egpj.exe' + 'x'.repeat(200)] = new HostileItem();
setTimeout(() => { takeSnapshot(); process.exit(); }, 1);
export const keep = () => [history, controller, cache, seen, bus, list, pending, waiting, weak, keys, dictionary, bound, hostile];
`;

const COMMONJS_PROGRAM = `
class ModuleItem {} class ExportedItem {} class ServerItem {}
const history = []; for (let i = 0; i < 50; i++) history.push(new ModuleItem());
exports.add = (item) => history.push(item);
exports.store = []; for (let i = 0; i < 50; i++) exports.store.push(new ExportedItem());
process.on('custom', (() => { const handlers = { get: [] };
  for (let i = 0; i < 50; i++) handlers.get.push(new ServerItem());
  return () => handlers; })());
takeSnapshot();
`;

describe('describePath() writes a path as its author would', () => {
  let snapshot: HeapSnapshot;
  let paths: RetainingPaths;
  beforeAll(async () => {
    snapshot = await readSnapshot(snapshotOf(ESM_PROGRAM));
    paths = new RetainingPaths(snapshot);
  });

  it.each([
    ['ModuleItem', ['history[]']],
    ['PrivateItem', ['controller.#history[]']],
    ['MapItem', ['cache[]']],
    ['SetItem', ['seen[]']],
    ['ListenerItem', ['bus._events.message[] → item']],
    ['onMessage()', ['bus._events.message[]']],
    ['TimerItem', ['timer → tick() → items[]']],
    ['tick()', ['timer → tick()']],
    ['AwaitedItem', ['pending[] → awaiting fetchUser()']],
    ['ThenItem', ['waiting[] → then done() → item']],
    ['WeakItem', ['keys[] → WeakMap value']],
    ['DictionaryItem', ['dictionary[]']],
    ['BoundItem', ['bound[] → bound this']],
    ['GlobalItem', ['globalThis.stash.deep[]']],
  ])('%s is held by %j', (className, texts) => {
    expect(pathTexts(snapshot, className)).toEqual(texts);
  });

  it('folds a list of ten thousand into one repeated step', () => {
    const items = nodesOf(snapshot, 'ListItem');
    expect(items).toHaveLength(10_000);
    const deepest = items.reduce((a, b) => (paths.cost[a]! > paths.cost[b]! ? a : b));
    expect(paths.path(deepest).length).toBeGreaterThan(10_000);
    const { steps, text } = describePath(snapshot, paths.path(deepest));
    expect(text).toBe('list.head.next…');
    expect(steps.length).toBeLessThan(20);
  });

  it('lets no control character through and cuts long names', () => {
    const [text] = pathTexts(snapshot, 'HostileItem');
    expect(text).toBe(`hostile["gpj.exe${'x'.repeat(79 - 'gpj.exe'.length)}…"]`);
  });

  it('gives the steps with wildcards and classes', () => {
    const [node] = nodesOf(snapshot, 'MapItem');
    expect(describePath(snapshot, paths.path(node!)).steps.slice(-2)).toEqual([
      { edge: 'cache', type: 'context', node: 'Map' },
      { edge: '[]', type: 'internal', node: 'MapItem' },
    ]);
  });

  it('writes nothing for a node that no path reaches', () => {
    expect(describePath(snapshot, [])).toEqual({ steps: [], text: '' });
  });
});

const CLOSURES_PROGRAM = `
import { createServer } from 'node:http';
globalThis.Buf = class Buf {}; globalThis.CachedItem = class CachedItem {};
globalThis.RequestItem = class RequestItem {}; globalThis.DeepItem = class DeepItem {}; globalThis.BlockItem = class BlockItem {};
let cache = new Map([['k', new CachedItem()]]);
globalThis.get = (key) => cache.get(key);
function makeHandler() { const bigBuf = new Buf(); return () => bigBuf; }
globalThis.handler = makeHandler();
globalThis.page = { onData: makeHandler() };
const own = makeHandler(); globalThis.ask = () => own;
function nest() { const outer = { inner: makeHandler() }; return { run: () => outer }; }
globalThis.nested = nest();
{ const block = new BlockItem(); globalThis.ofBlock = () => block; }
const first = (next) => { const one = next; return () => one; };
const second = (next) => { const two = next; return () => two; };
const third = (next) => { const three = next; return () => three; };
const fourth = (next) => { const four = next; return () => four; };
globalThis.deep = first(second(third(fourth(new DeepItem()))));
const server = createServer(); globalThis.serving = () => server;
(function routes(target) { const routed = [new RequestItem()]; target.on('request', () => routed); })(server);
takeSnapshot();
`;

describe('describePath() of what a function captured', () => {
  let snapshot: HeapSnapshot;
  beforeAll(async () => {
    snapshot = await readSnapshot(snapshotOf(CLOSURES_PROGRAM));
  });

  it('begins with what keeps the call, so that two owners read differently', () => {
    expect(pathTexts(snapshot, 'Buf').sort()).toEqual([
      'globalThis.handler → bigBuf',
      'globalThis.nested.run → outer.inner → bigBuf',
      'globalThis.page.onData → bigBuf',
      'own → bigBuf',
    ]);
    expect(pathTexts(snapshot, 'RequestItem')).toEqual(['server._events.request → routed[]']);
    expect(pathTexts(snapshot, 'BlockItem')).toEqual(['globalThis.ofBlock → block']);
  });

  it('begins with the variable of a module as before', () => {
    expect(pathTexts(snapshot, 'CachedItem')).toEqual(['cache[]']);
  });

  it('writes no variable that V8 adds as a property', () => {
    const paths = new RetainingPaths(snapshot);
    const closures = Array.from({ length: snapshot.nodeCount }, (_, node) => node).filter(
      (node) => snapshot.nodeType(node) === 'closure',
    );
    const texts = closures.map((node) => describePath(snapshot, paths.path(node)).text);
    expect(texts.filter((text) => text.includes('→ home_object'))).not.toEqual([]);
    expect(texts.filter((text) => text.includes('→ .'))).toEqual([]);
  });

  it('leaves out calls in the middle of a long chain', () => {
    expect(pathTexts(snapshot, 'DeepItem')).toEqual(['globalThis.deep → … → three → four']);
  });
});

describe('describePath() in CommonJS', () => {
  it('starts from the variable of a module, from its exports, and from process', async () => {
    const snapshot = await readSnapshot(snapshotOf(COMMONJS_PROGRAM, 'store.cjs'));
    expect(pathTexts(snapshot, 'ModuleItem')).toEqual(['history[]']);
    expect(pathTexts(snapshot, 'ExportedItem')).toEqual(['process.mainModule.exports.store[]']);
    expect(pathTexts(snapshot, 'ServerItem')).toEqual(['process._events.custom → handlers.get[]']);
  });

  it('knows the scope of a call in a module that has none itself', async () => {
    const program = `
      globalThis.Kept = class Kept {};
      function make() { const kept = new Kept(); return function keeps() { return kept; }; }
      globalThis.handlers = [make(), make()];
      takeSnapshot();`;
    const snapshot = await readSnapshot(snapshotOf(program, 'bare.cjs'));
    expect(pathTexts(snapshot, 'Kept')).toContain('globalThis.handlers[] → kept');
  });

  it('begins with what keeps the call in a module that has no scope', async () => {
    const program = `
      globalThis.Kept = class Kept {};
      function make() { const kept = new Kept(); return () => kept; }
      globalThis.handler = make();
      takeSnapshot();`;
    const snapshot = await readSnapshot(snapshotOf(program, 'bare.cjs'));
    expect(pathTexts(snapshot, 'Kept')).toEqual(['globalThis.handler → kept']);
  });

  it('names a required module by its file', async () => {
    const program = `
      import { writeFileSync } from 'node:fs';
      import { createRequire } from 'node:module';
      writeFileSync('store.cjs', 'class StoredItem {}; exports.store = [new StoredItem(), new StoredItem()];');
      createRequire(import.meta.url)('./store.cjs');
      setTimeout(() => takeSnapshot(), 1);`;
    const snapshot = await readSnapshot(snapshotOf(program));
    expect(pathTexts(snapshot, 'StoredItem')).toEqual(['require.cache["store.cjs"].exports.store[]']);
  });
});
