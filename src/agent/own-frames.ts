const own = new URL('../', import.meta.url).href;

/** True for code that is not the program's: Node's internals, V8's, and this package's. */
export function isForeign(url: string): boolean {
  return url === '' || url.startsWith('node:') || url.startsWith(own) || url.includes('/tsx/dist/');
}
