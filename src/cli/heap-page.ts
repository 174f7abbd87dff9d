import { displayWidth, fitCells, plainText, wrap } from '../core/index.js';

/** A column of a table. The widest `flexible` ones give way where a line is too long. */
export interface PageColumn {
  readonly title: string;
  readonly align?: 'left' | 'right';
  readonly isFlexible?: boolean;
}

export const left = (title: string): PageColumn => ({ title });
export const right = (title: string): PageColumn => ({ title, align: 'right' });
/** A left column that is cut where the line is too long. */
export const wide = (title: string): PageColumn => ({ title, isFlexible: true });

export interface PageTable {
  readonly columns: readonly PageColumn[];
  readonly rows: readonly (readonly string[])[];
  /** Rows that were left out. */
  readonly more?: number;
}

/** Part of a page: a heading, then a table, or lines that wrap (`indent` cells deep). */
export interface PageSection {
  readonly heading?: string;
  readonly table?: PageTable;
  readonly lines?: readonly { readonly text: string; readonly indent?: number }[];
}

/** An answer for a terminal: one line that says what it means, then the details. Any text may be untrusted. */
export interface Page {
  readonly meaning: string;
  readonly sections: readonly PageSection[];
  readonly notes?: readonly string[];
}

export interface PageOptions {
  readonly isColourful: boolean;
  /** Cells in a line. */
  readonly width: number;
}

const MARGIN = '  ';
const GAP = '  ';
/** Further lines of one that wraps stand so much deeper. */
const HANG = 4;
const WIDTH = { min: 40, max: 100 };
/** A column is not cut below this. */
const MIN_FLEXIBLE = 12;
/** The longest cell that is looked at, and the longest line before it wraps. */
const CELL_CHARS = 160;
const LINE_CHARS = 600;

/** The page as text, cleaned, no line wider than `width` (40 to 100 cells). */
export function renderPage(page: Page, { isColourful, width }: PageOptions): string {
  const cellsWide = Math.max(WIDTH.min, Math.min(WIDTH.max, width)) - MARGIN.length;
  const paint = (text: string, code: number, off: number): string =>
    isColourful && text !== '' ? `\x1b[${code}m${text}\x1b[${off}m` : text;
  const bold = (text: string): string => paint(text, 1, 22);
  const dim = (text: string): string => paint(text, 2, 22);
  const blocks = [
    wrapped(page.meaning, cellsWide, 0).map(bold),
    ...page.sections.map(({ heading, table, lines }) => [
      ...(heading ? wrapped(heading, cellsWide, 0).map(dim) : []),
      ...(table ? tableLines(table, cellsWide, dim) : []),
      ...(lines ?? []).flatMap(({ text, indent = 0 }) => wrapped(text, cellsWide, indent, HANG)),
    ]),
    (page.notes ?? []).flatMap((note) => wrapped(`· ${note}`, cellsWide, 0, 2).map(dim)),
  ];
  const texts = blocks
    .filter((block) => block.length > 0)
    .map((block) => block.map((line) => (line === '' ? '' : MARGIN + line)).join('\n'));
  return `\n${texts.join('\n\n')}\n\n`;
}

function tableLines(table: PageTable, width: number, dim: (text: string) => string): string[] {
  if (table.rows.length === 0) return [];
  const cells = table.rows.map((row) => row.map((cell) => plainText(cell, CELL_CHARS)));
  const columns = table.columns.map((column) => ({ ...column, title: plainText(column.title, CELL_CHARS) }));
  const widths = columnWidths(columns, cells, width);
  const line = (row: readonly string[]): string =>
    row
      .map((cell, at) => fitCells(cell, widths[at]!, columns[at]!.align ?? 'left'))
      .join(GAP)
      .trimEnd();
  const hasTitles = columns.some(({ title }) => title !== '');
  return [
    ...(hasTitles ? [dim(line(columns.map(({ title }) => title)))] : []),
    ...cells.map(line),
    ...(table.more ? [dim(`… and ${table.more.toLocaleString('en-US')} more (--top shows more)`)] : []),
  ];
}

function columnWidths(columns: readonly PageColumn[], rows: readonly (readonly string[])[], width: number): number[] {
  const widths = columns.map(({ title }, at) =>
    rows.reduce((most, row) => Math.max(most, displayWidth(row[at] ?? '')), displayWidth(title)),
  );
  const total = (): number => widths.reduce((sum, cells) => sum + cells, GAP.length * (columns.length - 1));
  for (let over = total() - width; over > 0; over = total() - width) {
    const widest = widths.reduce(
      (best, cells, at) => (columns[at]!.isFlexible && cells > MIN_FLEXIBLE && cells > (widths[best] ?? 0) ? at : best),
      -1,
    );
    if (widest < 0) break;
    // One cell at a time, so that columns which are equally wide shrink together.
    widths[widest]!--;
  }
  return widths;
}

/** `text` in lines, cleaned; the first is `indent` cells deep, the others `hang` more. */
function wrapped(text: string, width: number, indent: number, hang = 0): string[] {
  const lines = wrap(plainText(text, LINE_CHARS), width - indent - hang);
  return lines.map((line, i) => ' '.repeat(i === 0 ? indent : indent + hang) + line);
}
