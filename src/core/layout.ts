/*
 * Text on a grid of terminal cells: how wide it is, where it breaks, how it is cut. Works on plain text; colour comes
 * after. Widths follow Unicode's East Asian Width in the part that names in programs use.
 */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}\p{Emoji_Presentation}]/u;
const NO_WIDTH = /[\p{Mn}\p{Me}]/u;
/** Where a long path or call may go on in the next line: after a separator. */
const WORD_PARTS = /[^/.\\:,_[\]()-]*[/.\\:,_[\]()-]?/gu;

/** Terminal cells that `text` takes. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) width += cells(character);
  return width;
}

/** `text` in lines of at most `width` cells: broken at spaces, then after separators of paths, then anywhere. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const joined = line === '' ? word : `${line} ${word}`;
    if (displayWidth(joined) <= width) {
      line = joined;
      continue;
    }
    if (line !== '') lines.push(line);
    const pieces = displayWidth(word) <= width ? [word] : breakWord(word, width);
    lines.push(...pieces.slice(0, -1));
    line = pieces.at(-1)!;
  }
  return line === '' && lines.length > 0 ? lines : [...lines, line];
}

/** `text` cut to `width` cells with `…`, and filled with spaces up to it. */
export function fitCells(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const shown = displayWidth(text) <= width ? text : `${take(text, width - 1)}…`;
  const space = ' '.repeat(Math.max(0, width - displayWidth(shown)));
  return align === 'left' ? shown + space : space + shown;
}

function breakWord(word: string, width: number): string[] {
  const lines: string[] = [''];
  for (const part of word.match(WORD_PARTS) ?? []) {
    if (displayWidth(lines.at(-1)! + part) <= width) {
      lines[lines.length - 1] += part;
      continue;
    }
    for (let rest = part; rest !== ''; ) {
      const piece = take(rest, width) || [...rest][0]!;
      lines.push(piece);
      rest = rest.slice(piece.length);
    }
  }
  return lines.filter((line) => line !== '');
}

/** As much of the start of `text` as fits into `width` cells. */
function take(text: string, width: number): string {
  let used = 0;
  let taken = '';
  for (const character of text) {
    used += cells(character);
    if (used > width) break;
    taken += character;
  }
  return taken;
}

function cells(character: string): number {
  if (character >= ' ' && character <= '~') return 1;
  if (NO_WIDTH.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}
