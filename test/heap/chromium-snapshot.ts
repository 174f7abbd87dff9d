import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { WebSocket } from 'ws';

/** Chromium of the system, or that of `WATERTIGHT_TEST_CHROMIUM`; `null` when there is none. */
export function chromiumBinary(): string | null {
  const places = [process.env.WATERTIGHT_TEST_CHROMIUM ?? '', '/usr/bin/chromium', '/usr/bin/chromium-browser'];
  return places.find((place) => place !== '' && existsSync(place)) ?? null;
}

/** Bytes of a snapshot of a page with this HTML, taken over the protocol of DevTools when its title is `ready`. */
export async function snapshotOfPage(binary: string, html: string): Promise<Buffer> {
  const profile = mkdtempSync(join(tmpdir(), 'watertight-chromium-'));
  const page = `data:text/html,${encodeURIComponent(html)}`;
  const options = [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--remote-debugging-port=0',
    `--user-data-dir=${profile}`,
  ];
  const browser = spawn(binary, [...options, page], { stdio: ['ignore', 'ignore', 'pipe'] });
  const gone = once(browser, 'close');
  try {
    const address = await debuggerAddress(browser.stderr);
    const targets = (await (await fetch(`http://${address}/json/list`)).json()) as {
      type: string;
      webSocketDebuggerUrl: string;
    }[];
    const target = targets.find(({ type }) => type === 'page')!;
    return await takeSnapshot(target.webSocketDebuggerUrl);
  } finally {
    browser.kill('SIGKILL');
    // Its helpers end after it, and write into the profile until then: they have the same stderr.
    browser.stderr.resume();
    await gone;
    rmSync(profile, { recursive: true, force: true });
  }
}

async function debuggerAddress(stderr: NodeJS.ReadableStream): Promise<string> {
  for await (const line of createInterface(stderr)) {
    const found = /^DevTools listening on ws:\/\/([^/]+)\//.exec(line);
    if (found !== null) return found[1]!;
  }
  throw new Error('Cannot debug Chromium as it ended without an address');
}

async function takeSnapshot(url: string): Promise<Buffer> {
  const socket = new WebSocket(url, { maxPayload: 2 ** 30 });
  const chunks: string[] = [];
  const answers = new Map<number, (result: { result?: { value?: unknown } }) => void>();
  socket.on('message', (data) => {
    const message = JSON.parse(String(data));
    if (message.method === 'HeapProfiler.addHeapSnapshotChunk') chunks.push(message.params.chunk);
    answers.get(message.id)?.(message.result);
  });
  await once(socket, 'open');
  let id = 0;
  const call = (method: string, params = {}) =>
    new Promise<{ result?: { value?: unknown } }>((resolve) => {
      answers.set(++id, resolve);
      socket.send(JSON.stringify({ id, method, params }));
    });
  const waitForTitle = `new Promise((done) => { const look = () => document.title === 'ready' ? done() : setTimeout(look, 10); look(); })`;
  await call('Runtime.evaluate', { expression: waitForTitle, awaitPromise: true });
  await call('HeapProfiler.takeHeapSnapshot');
  socket.terminate();
  return Buffer.from(chunks.join(''));
}
