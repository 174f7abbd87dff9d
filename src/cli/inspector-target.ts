import { readFileSync, readlinkSync } from 'node:fs';
import { get } from 'node:http';
import { basename } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { namesIn, WatertightError } from '../core/index.js';

/** The WebSocket of a process's inspector. */
export interface InspectorTarget {
  readonly webSocketUrl: string;
  /** Where it listens, in words. */
  readonly name: string;
  /** True when our signal opened it: then it is ours to close. */
  readonly isOpenedByUs: boolean;
  /** Tells whether it still listens; `null` when that cannot be known. */
  readonly isListening: () => boolean | null;
}

const SIGUSR1_BIT = 9n;
const OPEN_MS = 10_000;
/** A signal that opens nothing in this time met an inspector that was open. */
const OPEN_BEFORE_MS = 1_500;
const POLL_MS = 25;
const PROBE_MS = 2_000;
const MAX_LIST_BYTES = 1 << 20;
/** Node's inspector takes 9229 unless told otherwise. */
const DEFAULT_PORT = 9229;
/** 127.0.0.1, or any address, in the tables of IPv4 and of IPv6. */
const TAKES_LOOPBACK = /^(?:0100007F|0{8}|0{32}|0{16}FFFF0000(?:0100007F|0{8}))$/;

/**
 * Finds the inspector of a process id or URL. Of a process without one it asks by SIGUSR1, and finds the port among the
 * sockets that the process owns.
 *
 * @throws WatertightError `WT_HEAP_NO_PROCESS`, `WT_HEAP_NOT_NODE`, `WT_HEAP_NOT_ANSWERING`, `WT_HEAP_NO_INSPECTOR`
 */
export async function findInspector(target: string): Promise<InspectorTarget> {
  if (/^\d+$/.test(target)) return ofProcess(Number(target));
  if (/^wss?:\/\//.test(target) && URL.canParse(target)) {
    return { webSocketUrl: target, name: target, isOpenedByUs: false, isListening: () => null };
  }
  if (/^http:\/\//.test(target) && URL.canParse(target)) {
    const url = await webSocketAt(new URL(target).hostname, Number(new URL(target).port || 80));
    if (url === null) throw noInspector(target, 'nothing there answers as an inspector', 'start Node with --inspect');
    return { webSocketUrl: url, name: target, isOpenedByUs: false, isListening: () => null };
  }
  throw noInspector(target, 'it is neither a process id nor a URL', 'give a pid, ws://… or http://127.0.0.1:9229');
}

async function ofProcess(pid: number): Promise<InspectorTarget> {
  checkNode(pid);
  const before = listeningSockets(pid);
  const already = await tryAll(
    pid,
    before.filter(({ port }) => isLikely(pid, port)),
    false,
  );
  if (already) return already;
  const port = inspectPort(pid);
  const owner = portOwner(pid, port);
  if (owner) {
    const elsewhere = await tryAll(pid, before, false);
    if (elsewhere) return elsewhere;
    const reason = `port ${port}, where it would open one, is in use by ${owner}`;
    throw noInspector(`process ${pid}`, reason, `free port ${port}, or start the process with --inspect=127.0.0.1:0`);
  }
  process.kill(pid, 'SIGUSR1');
  const known = new Set(before.map(({ inode }) => inode));
  let asksAll = true;
  for (const start = performance.now(); performance.now() < start + OPEN_MS; await pause(POLL_MS)) {
    const fresh = listeningSockets(pid).filter(({ inode }) => !known.has(inode));
    const found = await tryAll(pid, fresh, true);
    if (found) return found;
    if (!asksAll || performance.now() < start + OPEN_BEFORE_MS) continue;
    asksAll = false;
    // No new socket: it was open before, at a port of its own.
    const open = await tryAll(pid, before, false);
    if (open) return open;
  }
  const reason = `it opened no inspector within ${OPEN_MS / 1000} s`;
  throw noInspector(`process ${pid}`, reason, 'start it with --inspect=127.0.0.1:0 and give the URL that it prints');
}

/** SIGUSR1 ends a process that does not expect it, and opens the inspector of a stopped one when nobody asks any more. */
function checkNode(pid: number): void {
  const status = readText(`/proc/${pid}/status`);
  if (status === '') {
    const hint = process.platform === 'linux' ? 'check the process id' : 'give the inspector URL, as /proc is needed';
    throw new WatertightError('WT_HEAP_NO_PROCESS', `Cannot reach process ${pid} as there is none that we may see`, {
      hint,
    });
  }
  const caught = BigInt(`0x${/^SigCgt:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  const program = basename(linkAt(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, ''));
  const isNode = /node|electron/i.test(program);
  if (isNode && /^State:\s*[Tt]/m.test(status)) {
    throw new WatertightError('WT_HEAP_NOT_ANSWERING', `Cannot ask process ${pid} for a snapshot as it is stopped`, {
      hint: `let it go on with kill -CONT ${pid}, or detach the debugger that holds it`,
    });
  }
  if (isNode && (caught >> SIGUSR1_BIT) & 1n) return;
  const reason = isNode ? 'it does not listen to SIGUSR1' : `it runs ${program || 'a program that we may not see'}`;
  throw new WatertightError('WT_HEAP_NOT_NODE', `Cannot ask process ${pid} for a snapshot as ${reason}`, {
    hint: 'start it with --inspect and give the URL that it prints',
  });
}

interface ListeningSocket {
  readonly inode: string;
  readonly address: string;
  readonly port: number;
}

interface SocketRow {
  readonly inode: string;
  /** As the kernel writes it. */
  readonly hex: string;
  readonly port: number;
}

/** Sockets that the process itself has open and that accept connections. */
function listeningSockets(pid: number): ListeningSocket[] {
  const own = ownSockets(pid);
  return listeningRows(pid)
    .filter(({ inode }) => own.has(inode))
    .map(({ inode, hex, port }) => ({ inode, address: hostOf(hex), port }));
}

/** Inodes of the sockets that a process has open. */
function ownSockets(pid: number | string): Set<string | undefined> {
  return new Set(
    namesIn(`/proc/${pid}/fd`).map((fd) => /^socket:\[(\d+)\]$/.exec(linkAt(`/proc/${pid}/fd/${fd}`))?.[1]),
  );
}

/** Everybody's sockets that accept connections where the process lives. */
function listeningRows(pid: number): SocketRow[] {
  const lines = ['tcp', 'tcp6'].flatMap((table) => readText(`/proc/${pid}/net/${table}`).split('\n').slice(1));
  return lines.flatMap((line) => {
    const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
    const [hex = '', port = ''] = local.split(':');
    return state === '0A' ? [{ inode, hex, port: Number.parseInt(port, 16) }] : [];
  });
}

/** Where SIGUSR1 opens the inspector; 0 is any port that is free. */
function inspectPort(pid: number): number {
  const environment = readText(`/proc/${pid}/environ`).split('\0');
  const options = environment.find((entry) => entry.startsWith('NODE_OPTIONS=')) ?? '';
  const given = `${options.replace(/[= ]/g, '\0')}\0${readText(`/proc/${pid}/cmdline`)}`.matchAll(
    /\0--(?:inspect|debug)-port[=\0](?:[^\0]*:)?(\d+)(?=\0|$)/g,
  );
  return Number([...given].at(-1)?.[1] ?? DEFAULT_PORT);
}

/** Who keeps a port of this machine's loopback from a process, in words; null when it is free. */
function portOwner(pid: number, port: number): string | null {
  const taken = listeningRows(pid).find((row) => row.port === port && TAKES_LOOPBACK.test(row.hex));
  if (!taken) return null;
  const owner = namesIn('/proc').find((name) => /^\d+$/.test(name) && ownSockets(name).has(taken.inode));
  return owner === undefined ? 'a process that we may not see' : `process ${owner}`;
}

/** Any address of IPv6 that is not loopback's is reached through IPv4: inspectors listen on one or on all. */
function hostOf(hex: string): string {
  if (hex === '00000000000000000000000001000000') return '::1';
  if (hex.length > 8 || hex === '00000000') return '127.0.0.1';
  return [6, 4, 2, 0].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)).join('.');
}

/** The usual port, or any of a process that was started with an inspector: others are asked only when nothing else helps. */
function isLikely(pid: number, port: number): boolean {
  const started = `${readText(`/proc/${pid}/cmdline`)}\0${readText(`/proc/${pid}/environ`)}`;
  return port === DEFAULT_PORT || /(^|[\0= ])--inspect/.test(started);
}

async function tryAll(
  pid: number,
  sockets: readonly ListeningSocket[],
  isOpenedByUs: boolean,
): Promise<InspectorTarget | null> {
  for (const socket of sockets) {
    const found = await tryOne(pid, socket, isOpenedByUs);
    if (found) return found;
  }
  return null;
}

async function tryOne(pid: number, socket: ListeningSocket, isOpenedByUs: boolean): Promise<InspectorTarget | null> {
  const webSocketUrl = await webSocketAt(socket.address, socket.port);
  if (webSocketUrl === null) return null;
  const isListening = (): boolean => listeningSockets(pid).some(({ inode }) => inode === socket.inode);
  return { webSocketUrl, name: `process ${pid}`, isOpenedByUs, isListening };
}

/** The first target of the inspector at a place, reached through that place; null when there is no inspector. */
async function webSocketAt(host: string, port: number): Promise<string | null> {
  const text = await textAt(host.replace(/^\[|\]$/g, ''), port, '/json/list');
  try {
    const [first] = JSON.parse(text) as { webSocketDebuggerUrl?: string }[];
    const url = new URL(first?.webSocketDebuggerUrl ?? '');
    url.hostname = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
    url.port = String(port);
    return /^wss?:$/.test(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

/** Body of an answer, empty where there is none in time. */
function textAt(host: string, port: number, path: string): Promise<string> {
  return new Promise((resolve) => {
    const request = get({ host, port, path, timeout: PROBE_MS, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
        if (text.length > MAX_LIST_BYTES) request.destroy();
      });
      response.on('end', () => resolve(text));
      response.on('close', () => resolve(''));
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(''));
  });
}

function noInspector(target: string, reason: string, hint: string): WatertightError {
  return new WatertightError('WT_HEAP_NO_INSPECTOR', `Cannot reach an inspector of ${target} as ${reason}`, { hint });
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

function linkAt(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
