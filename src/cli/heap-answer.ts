import { relative } from 'node:path';
import type { SourceLocation } from '../heap/index.js';
import type { EXIT } from './exit-codes.js';
import type { Page } from './heap-page.js';

/** What a verb found: data for `--json`, a page for people, and the exit code where it is a verdict. */
export interface HeapAnswer {
  readonly data: Readonly<Record<string, unknown>>;
  readonly page: Page;
  readonly exitCode?: (typeof EXIT)[keyof typeof EXIT];
}

/** `src/orders.ts:12:3`, relative to the current folder where it is inside. */
export function placeText(location: SourceLocation | null): string {
  if (location === null) return '';
  const inside = location.file.startsWith('/') ? relative(process.cwd(), location.file) : '';
  const file = inside === '' || inside.startsWith('..') ? location.file : inside;
  return `${file}:${location.line}:${location.column}`;
}

/** The end of a long path is what tells files apart. */
export function shortPlace(location: SourceLocation | null, maxChars = 44): string {
  const text = placeText(location);
  return text.length > maxChars ? `…${text.slice(1 - maxChars)}` : text;
}
