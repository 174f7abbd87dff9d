import { CallPlace } from '../core/index.js';

/** Shapes whose place is kept, at some 100 bytes each: a program writes tens of names in its source. */
const SHAPE_LIMIT = 256;
/** Names that are known without a look at their shape. */
const NAME_LIMIT = 1_024;
/** Unknown names that are all looked at; of later ones one in `SAMPLED`, as names with an id in them never end. */
const EAGER_LOOKS = 1_024;
const SAMPLED = 128;

/**
 * Where tasks are spawned, by name: the line that first spawned `mail 17` counts for `mail 18` too, as digits do not
 * matter. So the line of a stuck task is known, and spawning pays for a stack (≈ 10 µs) once a name.
 *
 * Texts only: a stack that is kept unread would keep the objects of its frames.
 */
export class SpawnPlaces {
  readonly #names = new Set<string>();
  readonly #placeOfShape = new Map<string, string | undefined>();
  #lastName = '';
  #looks = 0;

  // biome-ignore lint/complexity/noBannedTypes: Error.captureStackTrace takes any function.
  note(name: string, below: Function): void {
    if (name === this.#lastName) return;
    this.#lastName = name;
    if (this.#names.has(name)) return;
    if (this.#looks++ >= EAGER_LOOKS && this.#looks % SAMPLED !== 0) return;
    if (this.#names.size < NAME_LIMIT) this.#names.add(name);
    const shape = shapeOf(name);
    if (this.#placeOfShape.has(shape) || this.#placeOfShape.size >= SHAPE_LIMIT) return;
    this.#placeOfShape.set(shape, new CallPlace(below).text);
  }

  /** `file:line` that first spawned a task of that name; undefined when none was noted. */
  find(name: string): string | undefined {
    return this.#placeOfShape.get(shapeOf(name));
  }
}

/** Cut, as a name may be of any length. */
function shapeOf(name: string): string {
  return name.slice(0, 200).replace(/\d+/g, '#');
}
