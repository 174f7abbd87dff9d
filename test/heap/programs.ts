/**
 * Programs that take a snapshot of themselves, each full of what one kind of real program holds.
 * They call `takeSnapshot()`, which the test puts in their global scope.
 */
export const PROGRAMS: Readonly<Record<string, string>> = {
  'classes and collections': `
    class Account { #secret = {}; constructor(id) { this.id = id; this.tags = ['a' + id, 'b' + id]; this.self = this; } }
    class Session extends Account { constructor(id) { super(id); this.at = new Date(id); this.re = new RegExp('x' + id); } }
    const accounts = new Map(), ids = new Set(), weak = new WeakMap(), weakIds = new WeakSet(), refs = [];
    const registry = new FinalizationRegistry(() => {});
    for (let id = 0; id < 3000; id++) {
      const account = id % 3 ? new Account(id) : new Session(id);
      accounts.set(account, { note: 'note ' + id }); ids.add('id' + id);
      weak.set(account, { cached: [id, account] }); weakIds.add(account);
      if (id % 5 === 0) weak.set({ gone: id }, {});
      if (id % 4 === 0) { refs.push(new WeakRef(account)); registry.register(account, { held: id }, account); }
    }
    const second = new WeakMap(); for (const account of accounts.keys()) second.set(account, weak.get(account));
    const keyOfKey = {}; weak.set(keyOfKey, { key: accounts.keys().next().value }); weak.set(weak, keyOfKey);
    let list = null; for (let i = 0; i < 20000; i++) list = { next: list, value: i };
    const ring = { name: 'ring' }; ring.tail = { back: ring, twice: ring, again: ring };
    globalThis.kept = { accounts, ids, weak, weakIds, refs, registry, second, keyOfKey, list, ring, sym: Symbol('s'), big: 2n ** 200n };
    takeSnapshot();`,
  'closures, promises and timers': `
    const { EventEmitter } = require('node:events'); const { AsyncLocalStorage } = require('node:async_hooks');
    const bus = new EventEmitter(); bus.setMaxListeners(0); const storage = new AsyncLocalStorage();
    const makers = [], promises = [], timers = [], generators = [];
    for (let i = 0; i < 1500; i++) {
      const captured = { i, payload: new Array(i % 50).fill(i) };
      const fn = () => captured.payload.length + i; makers.push(fn, fn.bind({ bound: i }, captured));
      bus.on('event' + (i % 7), () => captured);
      promises.push(new Promise(() => captured), Promise.resolve(captured).then((x) => new Promise(() => x)));
      timers.push(setTimeout(() => captured, 1e6 + i % 20));
      generators.push((function* () { yield captured; yield i; })()); generators[i].next();
      storage.run(captured, () => promises.push((async () => { await new Promise(() => {}); return captured; })()));
    }
    const proxies = makers.slice(0, 100).map((fn) => new Proxy(fn, { get: () => fn }));
    eval('globalThis.evaluated = () => bus; var local = 1');
    globalThis.kept = { bus, makers, promises, timers, generators, proxies };
    setImmediate(() => { takeSnapshot(); process.exit(0); });`,
  'strings and buffers': `
    const zlib = require('node:zlib'); const kept = globalThis.kept = [];
    for (let i = 0; i < 2000; i++) {
      const left = 'left part of some length ' + i; kept.push(left + String(i).repeat(20), (left + ' and more').slice(3, 25));
      kept.push(Buffer.from('small ' + i), [left, i / 3], new Uint8Array(i % 200));
    }
    kept.push(Buffer.alloc(300_000), new Float64Array(10_000), new SharedArrayBuffer(4096), new ArrayBuffer(64, { maxByteLength: 1024 }));
    kept.push(Buffer.alloc(200_000, 120).toString('latin1'), Buffer.alloc(200_000, 'ж').toString('utf16le'), 'ü'.repeat(999));
    kept.push(new Array(200_000).fill(0), Array.from({ length: 50_000 }, (_, i) => i / 7), Array(5), [, 1, , 2], { 7: 1, 9999999: 2 });
    kept.push(zlib.createGzip(), new TextDecoder('utf-16le'), new URL('http://example.org/a?b=c'), new Intl.DateTimeFormat('de'));
    kept.push(JSON.parse('[' + Array.from({ length: 500 }, (_, i) => '{"key' + (i % 40) + '":{"n":' + i + '}}').join() + ']'));
    kept.push('a / part of key (x @1) -> value (y @2) pair in WeakMap (table @3)', '1 / part of key (x @1) -> value (y @2) pair in WeakMap (table @3)');
    takeSnapshot();`,
  'servers, contexts and threads': `
    const net = require('node:net'), http = require('node:http'), vm = require('node:vm'); const { Worker, MessageChannel } = require('node:worker_threads');
    const contexts = [0, 1].map((i) => vm.createContext({ i })); const kept = globalThis.kept = { contexts, sockets: [], channel: new MessageChannel() };
    kept.inner = contexts.map((context) => vm.runInContext('class Inner { constructor() { this.list = [1, {}] } }; globalThis.map = new WeakMap(); const k = new Inner(); map.set(k, new Inner()); k', context));
    kept.script = new vm.Script('globalThis.x = 1'); kept.wasm = new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
    const worker = new Worker('setInterval(() => {}, 1000); require("node:worker_threads").parentPort.postMessage({ big: [1, 2, 3] })', { eval: true });
    const server = net.createServer((socket) => kept.sockets.push(socket)); const web = kept.web = http.createServer((req, res) => { kept.response = res; res.write('begun'); });
    let waiting = 3; const done = () => { if (--waiting === 0) { takeSnapshot(); process.exit(0); } };
    worker.on('message', (m) => { kept.message = m; done(); }); kept.worker = worker;
    server.listen(0, '127.0.0.1', () => { kept.client = net.connect(server.address().port, '127.0.0.1', done); });
    web.listen(0, '127.0.0.1', () => { kept.request = http.get({ port: web.address().port, host: '127.0.0.1' }, (res) => res.once('data', done)); });`,
};

/** A page with elements in and out of its document, which sets its title to `ready`. */
export const PAGE = `<title>loading</title><body><div><p>text</p></div><script>
  class View { constructor(i) { this.element = document.createElement('div'); this.element.innerHTML = '<span>' + i + '</span>'; } }
  const views = (window.views = []), weak = (window.weak = new WeakMap());
  for (let i = 0; i < 300; i++) {
    const view = new View(i); views.push(view); weak.set(view.element, { view });
    if (i % 2) document.body.append(view.element);
    view.element.addEventListener('click', () => view);
  }
  const frame = document.createElement('iframe'); document.body.append(frame); window.held = frame.contentWindow; frame.remove();
  document.title = 'ready';
</script></body>`;
