/*
 * Text that comes from an observed program: class names, property names, paths, file names. It may hold terminal
 * escapes, markup, direction overrides, halves of surrogate pairs, and be megabytes long. Every way out of the
 * program goes through one of these functions.
 */

/** Escape sequences that terminals obey, taken out whole: CSI (`ESC [ 31 m`), then OSC, DCS, PM, APC up to their end. */
const SEQUENCES =
  /(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b[\]P^_X]|[\x9d\x90\x9e\x9f\x98])[^\x07\x1b\x90-\x9f]*(?:\x07|\x1b\\|\x9c)/g;
/** Line ends, tabs and the separators of Unicode become one space, so that words stay apart. */
const BREAKS = /[\t\n\v\f\r\x85\u2028\u2029]+/g;
/** C0 and C1 controls, and format characters (Cf): direction overrides and isolates, zero-width marks, tags; noncharacters. */
const INVISIBLE = /[\p{Cc}\p{Cf}\ufdd0-\ufdef\ufffe\uffff]/gu;
const LONE_SURROGATE = /\p{Cs}/gu;
/** What XML 1.0 (section 2.2) cannot carry, and the C1 controls, which it only discourages. */
const NOT_XML = /[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;

const HTML_ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Characters read for each one kept, before the rest of a long text is ignored: room for what gets stripped. */
const READ_AHEAD = 4;

/**
 * One calm line of untrusted text: escape sequences, control and format characters gone, line ends as spaces, lone
 * surrogates as U+FFFD. A longer text is cut and ends with `…`.
 *
 * @param maxChars longest result in UTF-16 units, from 1; a surrogate pair is never cut in two
 *
 * Cost: linear in `maxChars`, however long `text` is.
 *
 * @example
 * plainText('\u001b[31mOrder\u001b[0m\n', 40); // 'Order'
 */
export function plainText(text: string, maxChars: number): string {
  const read = text.slice(0, maxChars * READ_AHEAD);
  const plain = wellFormed(read.replace(SEQUENCES, '').replace(BREAKS, ' ').replace(INVISIBLE, '')).trim();
  return plain.length > maxChars || read.length < text.length ? `${cut(plain, maxChars - 1)}…` : plain;
}

/**
 * `text` with every half of a surrogate pair replaced by U+FFFD; so it can be encoded as UTF-8.
 * (`String.prototype.toWellFormed`, for the language level that we compile to.)
 */
export function wellFormed(text: string): string {
  return text.replace(LONE_SURROGATE, '\ufffd');
}

/** The first `maxChars` UTF-16 units, one less where that would cut a pair in two. */
export function cut(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  const last = text.charCodeAt(maxChars - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? maxChars - 1 : maxChars);
}

/** `text` for the content of an HTML element or a quoted attribute. */
export function escapeHtml(text: string): string {
  return wellFormed(text).replace(/[&<>"']/g, (character) => HTML_ENTITIES[character]!);
}

/**
 * `text` for the content of an XML 1.0 element or a quoted attribute: illegal characters dropped, and line ends and tabs
 * written as references, as a parser turns them into spaces in attributes.
 */
export function escapeXml(text: string): string {
  return wellFormed(text)
    .replace(NOT_XML, '')
    .replace(/[&<>"']/g, (character) => HTML_ENTITIES[character]!)
    .replace(/[\t\n\r]/g, (character) => `&#${character.charCodeAt(0)};`);
}
