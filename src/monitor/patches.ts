// biome-ignore lint/suspicious/noExplicitAny: a wrapper takes whatever the wrapped function takes.
export type AnyFunction = (this: any, ...args: any[]) => any;

/** Gives `wrapper` the name, the length and every other own property of `original` (`util.promisify.custom`, ...). */
export function lookLike(wrapper: AnyFunction, original: AnyFunction): AnyFunction {
  for (const key of Reflect.ownKeys(original)) {
    const descriptor = Reflect.getOwnPropertyDescriptor(original, key);
    if (descriptor) Reflect.defineProperty(wrapper, key, descriptor);
  }
  Reflect.setPrototypeOf(wrapper, Reflect.getPrototypeOf(original));
  return wrapper;
}

interface Patch {
  readonly owner: object;
  readonly name: string;
  readonly wrapper: AnyFunction;
  readonly before: PropertyDescriptor;
}

/**
 * Functions replaced on objects that everybody shares, and put back. A wrapper that somebody kept, or wrapped in turn,
 * outlives `restore()`: it then only calls the original, after looking at `isActive`.
 */
export class Patches {
  readonly #patches: Patch[] = [];
  #isActive = false;

  get isActive(): boolean {
    return this.#isActive;
  }

  activate(): void {
    this.#isActive = true;
  }

  /**
   * Puts `intercept` before `owner[name]`. It gets the original, `this` and the arguments, and returns the result.
   * A name that is no function, or that cannot be redefined, is left alone. Two names of one function stay one.
   */
  wrap(
    owner: object,
    name: string,
    // biome-ignore lint/suspicious/noExplicitAny: as above.
    intercept: (original: AnyFunction, self: any, args: any[], wrapper: AnyFunction) => unknown,
  ): void {
    const before = Reflect.getOwnPropertyDescriptor(owner, name);
    if (typeof before?.value !== 'function' || !before.configurable) return;
    const original = before.value as AnyFunction;
    const twin = this.#patches.find((patch) => patch.owner === owner && patch.before.value === original);
    const wrapper = twin?.wrapper ?? this.#wrapper(original, intercept);
    if (Reflect.defineProperty(owner, name, { ...before, value: wrapper })) {
      this.#patches.push({ owner, name, wrapper, before });
    }
  }

  /** Puts every original back, newest first; where somebody else wrapped ours, theirs stays. */
  restore(): void {
    this.#isActive = false;
    for (const { owner, name, wrapper, before } of this.#patches.splice(0).reverse()) {
      if (Reflect.getOwnPropertyDescriptor(owner, name)?.value === wrapper) Reflect.defineProperty(owner, name, before);
    }
  }

  #wrapper(original: AnyFunction, intercept: Parameters<Patches['wrap']>[2]): AnyFunction {
    const patches = this;
    // A method, not a function expression: like most originals it has no `prototype` of its own.
    const { wrapper } = {
      // biome-ignore lint/suspicious/noExplicitAny: as above.
      wrapper(this: any, ...args: any[]) {
        return patches.#isActive ? intercept(original, this, args, wrapper) : Reflect.apply(original, this, args);
      },
    };
    return lookLike(wrapper, original);
  }
}
