const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];
const MINUS = '\u2212';

/** `512 B`, `1.24 GB`: decimal units, three digits. */
export function bytesText(bytes: number): string {
  let power = 0;
  // From 999.5 on, three digits would round to 1000.
  while (power < UNITS.length - 1 && Math.abs(bytes) >= 999.5 * 1000 ** power) power++;
  const value = Math.abs(bytes) / 1000 ** power;
  const digits = power === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${bytes < 0 ? MINUS : ''}${value.toFixed(digits)} ${UNITS[power]}`;
}

/** `+1.2 MB`, `−3 kB`, `0 B`. */
export const bytesChange = (bytes: number): string => (bytes > 0 ? `+${bytesText(bytes)}` : bytesText(bytes));

/** `12,345`. */
export const countText = (count: number): string => count.toLocaleString('en-US');

/** `+12`, `−3`, `0`. */
export function countChange(count: number): string {
  if (count === 0) return '0';
  return (count > 0 ? '+' : MINUS) + countText(Math.abs(count));
}

/** `31.4 %`. */
export const shareText = (share: number): string => `${(share * 100).toFixed(1)} %`;

/** `1 circle`, `12 circles`. */
export function counted(count: number, singular: string, plural = `${singular}s`): string {
  return `${countText(count)} ${count === 1 ? singular : plural}`;
}

/** `40 s`, `3 min 20 s`. */
export function secondsText(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1000));
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
