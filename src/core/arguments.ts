/** What a wrong argument is, for a message: `null`, `the number 5`, `an Array object`, `the text "5s"`. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'string')
    return `the text ${JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)}`;
  if (typeof value === 'object') return `${nameOf(value)} object`;
  if (typeof value === 'function') return 'a function';
  return `the ${typeof value} ${String(value)}`;
}

function nameOf(value: object): string {
  try {
    const name: unknown = value.constructor?.name;
    return typeof name === 'string' && /^\w{1,40}$/.test(name) && name !== 'Object'
      ? `${/^[AEIOU]/.test(name) ? 'an' : 'a'} ${name}`
      : 'an';
  } catch {
    return 'an';
  }
}

/**
 * An optional signal, looked at before anything is registered with it. One of another realm or of a polyfill will do.
 * @throws TypeError
 */
export function checkSignal(where: string, signal: unknown): void {
  if (signal === undefined) return;
  const { aborted, addEventListener, removeEventListener } = Object(signal) as Partial<AbortSignal>;
  if (typeof aborted === 'boolean' && typeof addEventListener === 'function' && removeEventListener) return;
  throw new TypeError(`${where}: signal must be an AbortSignal, not ${kindOf(signal)}`);
}

/** An optional owner. @throws TypeError */
export function checkOwner(where: string, scope: unknown): void {
  if (scope === undefined || typeof (scope as { defer?: unknown } | null)?.defer === 'function') return;
  throw new TypeError(`${where}: scope must be a Scope, not ${kindOf(scope)}`);
}

/** An optional callback. @throws TypeError */
export function checkCallback(where: string, name: string, callback: unknown): void {
  if (callback === undefined || typeof callback === 'function') return;
  throw new TypeError(`${where}: ${name} must be a function, not ${kindOf(callback)}`);
}

/**
 * Options that are an object with known names: one that is misspelt would mean the default, in silence.
 * @throws TypeError naming the unknown option, and all that there are
 */
export function checkOptionNames(where: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new TypeError(`${where}: options must be an object, not ${kindOf(options)}`);
  }
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    throw new TypeError(
      `${where}: there is no option ${JSON.stringify(name.slice(0, 40))}; there are ${known.join(', ')}`,
    );
  }
}
