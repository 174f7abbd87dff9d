import type { WarmMember } from './warm-member.js';

interface Place {
  readonly count: number;
  readonly resolve: (members: WarmMember[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Those who wait for members, served in order: one that wants many is not passed by one that wants few. */
export class MemberLine {
  readonly #places = new Set<Place>();

  get size(): number {
    return this.#places.size;
  }

  /** What the first one wants; 0 when nobody waits. */
  get wanted(): number {
    for (const { count } of this.#places) return count;
    return 0;
  }

  /** `leave` tells whether it was still in line: else it has been served or refused. Cost: O(1), as is leaving. */
  join(count: number): { readonly members: Promise<WarmMember[]>; leave(): boolean } {
    let leave = () => false;
    const members = new Promise<WarmMember[]>((resolve, reject) => {
      const place = { count, resolve, reject };
      this.#places.add(place);
      leave = () => this.#places.delete(place);
    });
    return { members, leave };
  }

  serve(members: WarmMember[]): void {
    for (const place of this.#places) {
      this.#places.delete(place);
      place.resolve(members);
      return;
    }
  }

  refuseAll(error: unknown): void {
    for (const { reject } of this.#places) reject(error);
    this.#places.clear();
  }
}
