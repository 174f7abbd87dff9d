/* A small strict reader of markup for the tests of this folder. */

/** Elements of HTML without an end tag. */
export const HTML_VOID: readonly string[] = ['meta', 'br'];

const TOKEN =
  /<(?<close>\/?)(?<name>[A-Za-z][\w:-]*)(?<attributes>(?:\s+[\w:-]+="[^"<]*")*)\s*(?<empty>\/?)>|<\?xml [^<>]*\?>|<!doctype html>|(?<text>[^<>]+)/gy;
const ENTITY = /&(?!(?:amp|lt|gt|quot|#\d+);)/;
/** What XML 1.0 can carry. */
const LEGAL = /^[\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u;

export interface Markup {
  /** Names of the elements, in order of their start tags. */
  readonly elements: readonly string[];
  /** The text between tags, entities resolved. */
  readonly text: string;
}

/** Reads XML, or HTML that is written as carefully; throws at the first thing that is not well-formed. */
export function readMarkup(markup: string, voidElements: readonly string[] = []): Markup {
  const open: string[] = [];
  const elements: string[] = [];
  let text = '';
  let position = 0;
  if (!LEGAL.test(markup)) throw new Error('holds a character that XML cannot carry');
  for (const { 0: token, groups = {} } of markup.matchAll(TOKEN)) {
    position += token.length;
    if (ENTITY.test(token)) throw new Error(`bare & in ${token.slice(0, 80)}`);
    text += groups.text ?? '';
    const name = groups.name;
    if (!name) continue;
    if (groups.close) {
      const opened = open.pop();
      if (opened !== name) throw new Error(`</${name}> closes <${opened}>`);
      continue;
    }
    elements.push(name);
    if (!groups.empty && !voidElements.includes(name)) open.push(name);
  }
  if (position < markup.length) throw new Error(`no markup at ${markup.slice(position, position + 80)}`);
  if (open.length > 0) throw new Error(`never closed: ${open}`);
  return { elements, text: resolve(text) };
}

function resolve(text: string): string {
  return text
    .replace(/&#(\d+);/g, (_, code) => String.fromCodePoint(Number(code)))
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&quot;/g, '"')
    .replace(/&amp;/g, '&');
}
