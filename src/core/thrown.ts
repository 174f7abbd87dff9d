/** Causes kept: a longer chain has never told more. */
const CAUSE_DEPTH = 4;
const CLASSES: Readonly<Record<string, ErrorConstructor>> = {
  TypeError,
  RangeError,
  SyntaxError,
  ReferenceError,
  EvalError,
  URIError,
};

/** An error on its way through structured clone, which drops codes, names and classes. */
export interface ThrownShape {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  /** Own enumerable properties that are primitives: `code`, `status` … */
  readonly properties: Readonly<Record<string, unknown>>;
  readonly cause: ThrownShape | undefined;
  readonly isError: boolean;
}

/** Whatever was thrown, as plain data. */
export function describeThrown(thrown: unknown, depth = CAUSE_DEPTH): ThrownShape {
  if (!(thrown instanceof Error)) {
    const { message, isClean } = textOf(thrown);
    return {
      name: isClean ? typeof thrown : 'object',
      message,
      stack: undefined,
      properties: {},
      cause: undefined,
      isError: false,
    };
  }
  const properties: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(thrown)) {
    if (isPrimitive(value)) properties[key] = value;
  }
  const cause = depth > 0 && thrown.cause !== undefined ? describeThrown(thrown.cause, depth - 1) : undefined;
  return { name: thrown.name, message: thrown.message, stack: thrown.stack, properties, cause, isError: true };
}

/** The error again, of its built-in class where it has one; a thrown string or number is the message of an `Error`. */
export function rebuildThrown(shape: ThrownShape): Error {
  const options = shape.cause === undefined ? undefined : { cause: rebuildThrown(shape.cause) };
  const error = new (CLASSES[shape.name] ?? Error)(shape.message, options);
  if (shape.isError) {
    for (const [key, value] of Object.entries(shape.properties)) Reflect.set(error, key, value);
    if (error.name !== shape.name)
      Object.defineProperty(error, 'name', { value: shape.name, configurable: true, writable: true });
    if (shape.stack !== undefined) error.stack = shape.stack;
  }
  return error;
}

function isPrimitive(value: unknown): boolean {
  return value === null || ['string', 'number', 'boolean', 'bigint', 'undefined'].includes(typeof value);
}

function textOf(thrown: unknown): { message: string; isClean: boolean } {
  try {
    const text = String(thrown);
    return { message: thrown === undefined || thrown === null ? `${text} was thrown` : text, isClean: true };
  } catch {
    return { message: 'an object that has no text', isClean: false };
  }
}
