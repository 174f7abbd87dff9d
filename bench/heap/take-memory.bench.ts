// How much more memory does a process need while its snapshot is taken, in heaps? The factor of `heap take`.
// Run: npm run build && npx tsx bench/heap/take-memory.bench.ts [node,node,...] [scale]
// Linux: peaks are VmHWM of /proc, set back before each snapshot. A minute for each Node.js at scale 1.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const RESET_PEAK = '5';

/** What fills the heap; small objects cost most, as V8 keeps a record for each node and each edge. */
const PROGRAMS: Readonly<Record<string, (scale: number) => string>> = {
  'small objects': (scale) => `Array.from({ length: ${4e5 * scale} }, (_, i) => ({ i, s: 'x' + i, n: { i } }))`,
  'empty objects': (scale) => `Array.from({ length: ${1e6 * scale} }, () => ({}))`,
  'shared references': (scale) => `Array.from({ length: ${2e5 * scale} }, () => Array(16).fill(globalThis))`,
  closures: (scale) => `Array.from({ length: ${4e5 * scale} }, (_, i) => () => i)`,
  'a map of texts': (scale) => `new Map(Array.from({ length: ${3e5 * scale} }, (_, i) => ['key' + i, 'text' + i]))`,
  'long texts': (scale) => `Array.from({ length: ${5e3 * scale} }, (_, i) => Buffer.alloc(1e4, 97).toString() + i)`,
  'small objects, 600 MB of buffers': (scale) =>
    `[Array.from({ length: ${4e5 * scale} }, (_, i) => ({ i, s: 'x' + i, n: { i } })), Buffer.alloc(6e8, 1)]`,
};

const field = (pid: number, name: string): number =>
  Number(new RegExp(`${name}:\\s*(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024;

/** Bytes that one program needs beyond what it had, and its heap. */
async function measure(node: string, value: string): Promise<{ heapBytes: number; moreBytes: number }> {
  const source = `globalThis.value = ${value}; gc(); console.log(process.memoryUsage().heapUsed); setInterval(() => {}, 1e6);`;
  const child = spawn(node, ['--expose-gc', '-e', source], { stdio: ['ignore', 'pipe', 'ignore'] });
  const out = join(tmpdir(), `take-memory-${child.pid}.heapsnapshot`);
  try {
    const [text] = (await once(child.stdout, 'data')) as [Buffer];
    const residentBytes = field(child.pid!, 'VmRSS');
    writeFileSync(`/proc/${child.pid}/clear_refs`, RESET_PEAK);
    const args = [CLI, 'heap', 'take', String(child.pid), '--force', '--out', out];
    execFileSync(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    return { heapBytes: Number(text), moreBytes: field(child.pid!, 'VmHWM') - residentBytes };
  } finally {
    child.kill('SIGKILL');
    rmSync(out, { force: true });
  }
}

const nodes = (process.argv[2] ?? process.execPath).split(',');
const scale = Number(process.argv[3] ?? 1);
for (const node of nodes) {
  console.log(execFileSync(node, ['--version'], { encoding: 'utf8' }).trim());
  for (const [name, program] of Object.entries(PROGRAMS)) {
    const { heapBytes, moreBytes } = await measure(node, program(scale));
    const heaps = (moreBytes / heapBytes).toFixed(1);
    const [more, heap] = [moreBytes, heapBytes].map((bytes) => (bytes / 1e6).toFixed(0));
    console.log(`  ${heaps.padStart(5)} heaps more: ${more} MB for a heap of ${heap} MB, ${name}`);
  }
}
