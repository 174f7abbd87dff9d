// The results as a table for a terminal, and as a page of the docs.
import { readFileSync } from 'node:fs';
import { cases, kinds } from './cases.js';
import { peers } from './peers/index.js';

export interface Result {
  readonly caseName: string;
  readonly peer: string;
  readonly outcome: 'pass' | 'option' | 'fail' | 'not applicable';
  readonly words: string;
  /** The way it was used that decided. */
  readonly how?: string | undefined;
  /** Further ways, and what they gave. */
  readonly tried?: readonly { readonly how: string; readonly words: string }[];
  readonly remark?: string | undefined;
}

const MARK = { pass: '✓', option: '(✓)', fail: '✗', 'not applicable': '–' } as const;

const allCases = kinds.flatMap((kind) => cases[kind].map(({ name, promise }) => ({ kind, name, promise })));

function sentence({ outcome, how, words, tried = [], remark }: Result): string {
  const parts = [words];
  if (outcome === 'option') parts.push(`with ${how}`);
  for (const one of tried)
    parts.push(`${outcome === 'option' ? 'otherwise' : 'also'} (${one.how || 'plain'}): ${one.words}`);
  if (remark) parts.push(remark);
  return parts.join('; ');
}

export function terminalTable(results: readonly Result[]): string {
  const lines: string[] = [];
  for (const { name, promise } of allCases) {
    const rows = results.filter((result) => result.caseName === name);
    if (rows.length === 0) continue;
    lines.push('', `${name}: ${promise}`);
    for (const row of rows) lines.push(`  ${MARK[row.outcome].padEnd(3)} ${row.peer.padEnd(30)} ${sentence(row)}`);
  }
  return lines.join('\n');
}

function version(folder: string | undefined): string {
  if (folder === undefined) return '';
  const file = new URL(`../node_modules/${folder}/package.json`, import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');

export function markdownTable(results: readonly Result[]): string {
  const lines = [
    '# Which promises of lifetimes does each package keep?',
    '',
    '<!-- Written by: npx tsx bench/lifecycle/conformance/run.ts --markdown. Change the script, not this page. -->',
    '',
    `Seen on Node ${process.versions.node}. Each case is written once and run against every package of its kind, each time in a process`,
    'of its own with a bounded time. A package is used as its documents say; where it offers an option that might pass, that is tried too.',
    'Run it again: `npm ci --prefix bench/lifecycle`, then `npx tsx bench/lifecycle/conformance/run.ts`.',
    '',
    '✓ keeps it · (✓) keeps it when it is used in another way, which the second table names · ✗ does not · – does not apply.',
    '',
    'The figures of time are windows of observation, not measurements. A package that ends the process itself is judged by what was',
    'done before.',
    '',
  ];
  for (const kind of kinds) {
    const ofKind = allCases.filter((one) => one.kind === kind);
    const columns = peers.filter((peer) =>
      results.some((one) => one.peer === peer.name && ofKind.some(({ name }) => name === one.caseName)),
    );
    lines.push(
      `| ${kind} | ${columns.map(({ name }) => name).join(' | ')} |`,
      `| --- |${columns.map(() => ' :-: |').join('')}`,
    );
    for (const { name } of ofKind) {
      const marks = columns.map((peer) => {
        const result = results.find((one) => one.caseName === name && one.peer === peer.name);
        return result ? MARK[result.outcome] : '–';
      });
      lines.push(`| [${name}](#${name.toLowerCase()}) | ${marks.join(' | ')} |`);
    }
    lines.push('');
  }
  lines.push('## What was seen', '');
  for (const { name, promise } of allCases) {
    const rows = results.filter((result) => result.caseName === name);
    if (rows.length === 0) continue;
    lines.push(`### ${name}`, '', promise, '', '| | | |', '| --- | --- | --- |');
    for (const row of rows) lines.push(`| ${row.peer} | ${MARK[row.outcome]} | ${cell(sentence(row))} |`);
    lines.push('');
  }
  lines.push('## Versions', '');
  lines.push(
    peers
      .filter((peer) => peer.package !== undefined)
      .map((peer) => `${peer.package} ${version(peer.package)}`)
      .join(', '),
    '',
  );
  return lines.join('\n');
}
