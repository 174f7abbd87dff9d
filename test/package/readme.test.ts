import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, it } from 'vitest';

const readme = readFileSync('README.md', 'utf8');
const guide = readFileSync('docs/soak.md', 'utf8');
const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
  scripts: Record<string, string>;
  exports: Record<string, unknown>;
};
const cli = resolve('dist/cli/main.js');
const folder = mkdtempSync(join(tmpdir(), 'watertight-readme-'));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Fenced blocks of one language. */
function blocks(page: string, language: string): string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(([, text]) => text!);
}

function watertight(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((done) => {
    const options = { cwd: folder, maxBuffer: 2 ** 26, env: { ...process.env, NODE_OPTIONS: '' } };
    execFile(process.execPath, [cli, ...args], options, (error, stdout, stderr) => {
      done({ code: error ? Number((error as { code?: unknown }).code ?? -1) : 0, stdout, stderr });
    });
  });
}

interface Found {
  readonly verdict: string;
  readonly leaks: { pathText: string; perIteration: number; allocatedAt: { line: number } | null }[];
}

it('the first scenario of README.md leaks, held and made where its excerpt says', async () => {
  const [scenario] = blocks(readme, 'js');
  const [excerpt] = blocks(readme, 'text');
  writeFileSync(join(folder, 'orders.mjs'), scenario!);
  const { code, stdout, stderr } = await watertight('soak', 'orders.mjs', '--budget', '30s', '--json', '-');
  expect(code, stderr).toBe(1);
  const [leak] = (JSON.parse(stdout) as Found).leaks;
  expect(leak?.perIteration).toBeCloseTo(1, 2);
  expect(excerpt).toMatch(new RegExp(`held by +${leak!.pathText.replaceAll(/[[\]]/g, '\\$&')}\n`));
  expect(excerpt).toContain(`orders.mjs:${leak!.allocatedAt!.line} `);
});

it('the scenario of docs/soak.md, with set-up and scope, runs clean', async () => {
  const [scenario] = blocks(guide, 'js');
  writeFileSync(join(folder, 'server.mjs'), scenario!);
  const { code, stdout, stderr } = await watertight('soak', 'server.mjs', '--budget', '60s', '--json', '-');
  expect(stderr).not.toMatch(/WT_/);
  expect((JSON.parse(stdout) as Found).leaks).toEqual([]);
  expect(code, stdout.slice(-2000)).toBe(0);
});

it('every npm script, file and command that the pages name is there', async () => {
  const pages = ['README.md', 'CONTRIBUTING.md', 'ARCHITECTURE.md', 'docs/soak.md', 'docs/decisions.md'];
  const text = pages.map((page) => readFileSync(page, 'utf8')).join('\n');
  const scripts = [...text.matchAll(/npm run ([\w:]+)/g)].map(([, name]) => name!);
  expect(new Set(scripts).size).toBeGreaterThan(3);
  expect(scripts.filter((name) => !manifest.scripts[name])).toEqual([]);
  for (const command of ['npm ci && npm start', 'npm ci && npm test']) expect(readme).toContain(command);
  expect(readFileSync('.ci/run', 'utf8')).toContain('\nnpm ci && npm test\n');
  const subpaths = [...readme.matchAll(/`watertight(\/\w+)`/g)].map(([, path]) => `.${path}`);
  expect(subpaths.filter((path) => !manifest.exports[path])).toEqual([]);
  const files = [...text.matchAll(/\b(?:examples|scripts|docs|test)\/[\w./-]*\w\.\w+/g)].map(([path]) => path);
  expect(files.length).toBeGreaterThan(8);
  // `test/soak/orders.mjs` stands for a file of the reader's.
  expect(files.filter((path) => !path.startsWith('test/soak/') && !existsSync(path))).toEqual([]);
});

it('every option that the pages name is known to the command, and every option has its row', async () => {
  const { stdout } = await watertight('soak', '--help');
  const known = new Set(stdout.match(/--[a-z]+/g));
  const rows = new Set([...guide.matchAll(/^\| `(--[a-z]+)/gm)].map(([, name]) => name!));
  expect([...rows].filter((name) => !known.has(name))).toEqual([]);
  expect([...known].filter((name) => !rows.has(name))).toEqual([]);
});

it('every link of the pages leads to a file, and every heading that is linked exists', () => {
  for (const page of ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'docs/soak.md', 'docs/decisions.md']) {
    const links = [...readFileSync(page, 'utf8').matchAll(/\]\((?!https?:)([^)#]*)(?:#([\w-]+))?\)/g)];
    for (const [, path, heading] of links) {
      const target = path === '' ? page : join(page, '..', path!);
      expect(existsSync(target), `${page} → ${path}`).toBe(true);
      if (heading) expect(headings(target), `${page} → ${path}#${heading}`).toContain(heading);
    }
  }
});

const headings = (page: string): string[] =>
  [...readFileSync(page, 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
    title!
      .toLowerCase()
      .replaceAll(/[^\w -]/g, '')
      .replaceAll(' ', '-'),
  );

it('every error code of the guide is in the table of errors', () => {
  const table = readFileSync('docs/errors.md', 'utf8');
  const codes = guide.match(/WT_[A-Z_]+[A-Z]/g) ?? [];
  expect(codes.length).toBeGreaterThan(15);
  expect(codes.filter((code) => !table.includes(`## ${code}\n`))).toEqual([]);
});

it('the picture is a picture, and small', () => {
  const { size } = statSync('docs/images/report.png');
  expect(size).toBeGreaterThan(20_000);
  expect(size).toBeLessThan(300_000);
});
