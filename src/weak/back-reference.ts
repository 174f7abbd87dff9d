import { kindOf, plainText, WatertightError } from '../core/index.js';
import { checkObject } from './check-object.js';

/** Longest name that is told. */
const NAME_CHARS = 100;

/**
 * A reference to whoever made or owns this object, which does not keep it alive. Asking for one that is gone throws, as
 * working on with nothing hides the mistake: its owner was dropped while somebody still needed it.
 *
 * Cost: 86 bytes; `get` 40 ns. What `get` gives is alive until the end of the current task.
 *
 * @example
 * class Connection {
 *   readonly #manager: BackReference<Manager>;
 *   constructor(manager: Manager) {
 *     this.#manager = new BackReference(manager, 'Manager');
 *   }
 *   close() {
 *     this.#manager.get().remove(this);
 *   }
 * }
 */
export class BackReference<T extends object> {
  readonly name: string;
  readonly #target: WeakRef<T>;

  /**
   * @param name for the error; the name of the target's class unless told
   * @throws TypeError when `target` is no object, or `name` no text
   */
  constructor(target: T, name?: string) {
    checkObject('BackReference', 'target', target);
    if (name !== undefined && typeof name !== 'string') {
      throw new TypeError(`BackReference: name must be a text, got ${kindOf(name)}`);
    }
    this.#target = new WeakRef(target);
    this.name = plainText(name ?? classNameOf(target), NAME_CHARS);
  }

  get isCollected(): boolean {
    return this.#target.deref() === undefined;
  }

  /** @throws WatertightError WT_WEAK_COLLECTED when it is gone */
  get(): T {
    const target = this.#target.deref();
    if (target !== undefined) return target;
    throw new WatertightError('WT_WEAK_COLLECTED', `Cannot reach ${this.name} as it was collected`, {
      hint: 'keep a reference to it for as long as what refers back to it works: in the scope that owns both',
      details: { name: this.name },
    });
  }

  /** The target; undefined when it is gone: for those who can do without. */
  peek(): T | undefined {
    return this.#target.deref();
  }
}

function classNameOf(target: object): string {
  const name = (target as { constructor?: { name?: unknown } }).constructor?.name;
  return typeof name === 'string' && name !== '' ? name : 'object';
}
