/*
 * Colours of the terminal report. Written as SGR codes rather than with `util.styleText`, which since Node 22.13 looks at
 * the environment itself: here the caller has decided.
 */
import type { Verdict } from '../../leaks/index.js';

const CODES = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
  inverse: [7, 27],
} as const;

export type Style = keyof typeof CODES;

/** Wraps text in styles, or leaves it alone. */
export type Paint = (text: string, ...styles: readonly Style[]) => string;

export const VERDICT_STYLES: Readonly<Record<Verdict, Style>> = { leak: 'red', clean: 'green', undecided: 'yellow' };

export function painter(colour: boolean): Paint {
  if (!colour) return (text) => text;
  return (text, ...styles) =>
    styles.reduce((inner, style) => `\x1b[${CODES[style][0]}m${inner}\x1b[${CODES[style][1]}m`, text);
}
