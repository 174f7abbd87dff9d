import { type FamilyHead, markedProcesses, type Relative, relativesOf } from './family.js';

/** Looks at all processes for several children at once: those that end together share one look. */
export class Census {
  #next: Promise<ReturnType<typeof markedProcesses>> | null = null;

  /** Descendants of a child, as they are a moment from now. */
  async relatives(head: FamilyHead): Promise<Relative[]> {
    this.#next ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#next = null;
        resolve(markedProcesses());
      });
    });
    return relativesOf(head, (await this.#next).get(head.mark) ?? []);
  }

  /** The same at once, for whoever cannot wait; `onFound` gets those with a mark in the moment in which they are seen. */
  relativesNow(heads: readonly FamilyHead[], onFound?: (relative: Relative) => void): Relative[] {
    const isOurs = (mark: string) => heads.some((head) => head.mark === mark);
    const marked = markedProcesses(onFound && ((mark, stat) => isOurs(mark) && onFound(stat)));
    return heads.flatMap((head) => relativesOf(head, marked.get(head.mark) ?? []));
  }
}
