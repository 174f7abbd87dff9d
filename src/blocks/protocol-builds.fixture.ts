/*
 * The other builds of the protocol's source: with a `yield` for each marker (the checker's), or with a call (`onStep`).
 * Mutants are edits of the text before that.
 */
import { readFileSync } from 'node:fs';
import { transformSync } from 'esbuild';

/** In the order of their imports. */
const FILES = [
  'layout.ts',
  'protocol-lock.ts',
  'protocol-agents.ts',
  'protocol-blocks.ts',
  'protocol-setup.ts',
  'audit.ts',
];
const MARKER = /^( *)\/\/: (\S+)(?: \(([^)]*)\))?( ~)?$/gm;

/** An edit of the source; `find` is there exactly once. */
export interface Edit {
  readonly find: string;
  readonly replace: string;
}

export function sourceOf(file: string): string {
  return readFileSync(new URL(file, import.meta.url), 'utf8');
}

export function protocolFiles(): string[] {
  return FILES.filter((file) => file.startsWith('protocol'));
}

/** All of it as one text, without imports. */
export function protocolSource(edits: readonly Edit[] = []): string {
  const text = FILES.map((file) => sourceOf(file).replace(/^import[\s\S]*?from '[^']+';$/gm, '')).join('\n');
  return edits.reduce((source, { find, replace }) => {
    const parts = source.split(find);
    if (parts.length !== 2) throw new Error(`found ${parts.length - 1} times, not once: ${find}`);
    return parts.join(replace);
  }, text);
}

/** Labels of all markers. */
export function labels(): string[] {
  return [...new Set([...protocolSource().matchAll(MARKER)].map(([, , label]) => label))];
}

/** What a step of the checker's build yields: its label and the live locals. */
export type Step = readonly [label: string, locals: readonly unknown[]];
// biome-ignore lint/suspicious/noExplicitAny: functions of a text that is compiled at run time
export type Built = Record<string, any>;

/** Functions with steps as generators that yield before each of them. */
export function checkerBuild(edits: readonly Edit[] = []): Built {
  return load(withGenerators(protocolSource(edits)));
}

/** Markers as calls of `onStep(label)`, for a bundler or by itself. */
export function withCalls(text: string): string {
  return text.replace(MARKER, (_, indent, label) => `${indent}(globalThis as any).watertightStep?.('${label}');`);
}

function load(text: string): Built {
  const { code } = transformSync(text, { loader: 'ts', format: 'cjs', target: 'es2022' });
  const module = { exports: {} };
  new Function('module', 'exports', code)(module, module.exports);
  return module.exports;
}

function withGenerators(text: string): string {
  let source = text
    .replace(/^export interface[\s\S]*?^}$/gm, '')
    .replace(MARKER, (_, indent, label, locals) => `${indent}yield ['${label}', [${locals ?? ''}]];`);
  const names = steppingFunctions(source);
  for (const name of names) source = source.replace(new RegExp(`function ${name}\\(`), `function* ${name}(`);
  // The last call first: those inside its arguments come later in the text, and are done by then.
  const calls = [...source.matchAll(new RegExp(`(?<!function\\* |[\\w.])(${names.join('|')})\\(`, 'g'))].reverse();
  for (const { index, 0: head } of calls) {
    const end = closing(source, index + head.length);
    source = `${source.slice(0, index)}(yield* ${source.slice(index, end)})${source.slice(end)}`;
  }
  return source.replace(/^(export )?function\* (\w+)\(([\s\S]*?)\): [^{;]*? \{$/gm, '$1function* $2($3): any {');
}

/** Functions with a step, or that call one of them. */
function steppingFunctions(source: string): string[] {
  const bodies = new Map(
    [...source.matchAll(/^(?:export )?function (\w+)\([\s\S]*?^}$/gm)].map(([body, name]) => [name, body]),
  );
  const found = new Set([...bodies].filter(([, body]) => body.includes('yield [')).map(([name]) => name));
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const [name, body] of bodies) {
      const inside = body.slice(body.indexOf('{'));
      if ([...found].some((other) => new RegExp(`(?<![\\w.])${other}\\(`).test(inside))) found.add(name);
    }
  }
  return [...found];
}

/** Where the parenthesis that was opened before `from` has been closed. */
function closing(source: string, from: number): number {
  let depth = 1;
  let i = from;
  for (; depth > 0; i++) depth += source[i] === '(' ? 1 : source[i] === ')' ? -1 : 0;
  return i;
}
