/*
 * Goes through every interleaving of a few participants over one small pool, with deaths at every step, and says which
 * promise does not hold. Depth first, with replay from the start (generators cannot be copied) and a set of states seen.
 *
 * A state: the words, and of each participant the place in its script, the label of its next step with the live locals,
 * the handles that it believes to hold, whether it is dead. While exactly one is inside the lock and its next step writes
 * what nobody reads without the lock, only that step and its death are tried: it commutes with what the others can do.
 */
import { Broken, type Model, World } from './checker-world.fixture.js';
import type { Built } from './protocol-builds.fixture.js';

export interface Verdict {
  readonly states: number;
  /** The promise that broke, and how; empty when all hold. */
  readonly broken: string;
  readonly path: readonly string[];
}

/** A model with more is too large for a unit test. */
const STATE_LIMIT = 100_000;

/** Edges between states by number, to see that each can go on to an end. */
class Graph {
  readonly #numbers = new Map<number, number>();
  readonly #from: number[] = [];
  readonly #to: number[] = [];
  readonly #ends: number[] = [];

  get size(): number {
    return this.#numbers.size;
  }

  /** @returns whether it is new */
  add(key: number): boolean {
    if (this.#numbers.has(key)) return false;
    this.#numbers.set(key, this.#numbers.size);
    return true;
  }

  edge(from: number, to: number): void {
    this.#from.push(this.#numbers.get(from)!);
    this.#to.push(this.#numbers.get(to)!);
  }

  end(key: number): void {
    this.#ends.push(this.#numbers.get(key)!);
  }

  /** The number of a state from which no steps of the living lead to an end; -1 if there is none. */
  get stuck(): number {
    const into: number[][] = Array.from({ length: this.size }, () => []);
    this.#to.forEach((to, i) => {
      into[to].push(this.#from[i]);
    });
    const reached = new Set(this.#ends);
    const open = [...this.#ends];
    for (let state = open.pop(); state !== undefined; state = open.pop()) {
      for (const from of into[state]) {
        if (reached.has(from)) continue;
        reached.add(from);
        open.push(from);
      }
    }
    // The last one seen lies deepest, nearest to where nothing moves.
    for (let state = this.size - 1; state >= 0; state--) if (!reached.has(state)) return state;
    return -1;
  }
}

/** A choice: participant i steps, or dies (-1 - i). */
function choicesOf(world: World, model: Model): number[] {
  const { quiet } = world;
  const who = quiet >= 0 ? [quiet] : world.all.map(({ id }) => id).filter((i) => world.canStep(i));
  const deaths = world.crashes < model.crashes ? who.map((i) => -1 - i) : [];
  return [...who, ...deaths];
}

function apply(world: World, choice: number): void {
  if (choice >= 0) world.advance(choice);
  else world.kill(-1 - choice);
}

/** Every interleaving of `model` over `build`. Cost: ≈ 20 µs a state. */
export function explore(build: Built, model: Model): Verdict {
  const graph = new Graph();
  let world = new World(build, model);
  let depth = 0;
  const path: number[] = [];
  const told = () => path.map((choice) => (choice < 0 ? `${-1 - choice} dies` : String(choice)));
  graph.add(world.key);
  const places = new Map<number, string>();
  const frames = [{ key: world.key, choices: choicesOf(world, model), next: 0 }];
  try {
    while (frames.length > 0) {
      const frame = frames.at(-1)!;
      if (frame.next === frame.choices.length) {
        frames.pop();
        path.pop();
        depth = -1;
        continue;
      }
      const choice = frame.choices[frame.next++];
      if (depth !== frames.length - 1) {
        world = new World(build, model, world);
        world.isReplaying = true;
        for (const made of path) apply(world, made);
        world.isReplaying = false;
      }
      path.push(choice);
      apply(world, choice);
      depth = frames.length;
      const { key } = world;
      const isNew = graph.add(key);
      if (choice >= 0) graph.edge(frame.key, key);
      if (isNew) places.set(graph.size - 1, world.places);
      if (graph.size > STATE_LIMIT) throw new Error(`the model has more than ${STATE_LIMIT} states`);
      if (!isNew) {
        path.pop();
        depth = -1;
        continue;
      }
      frames.push({ key, choices: choicesOf(world, model), next: 0 });
      if (!world.isDone) continue;
      graph.end(key);
      world.finish();
      depth = -1;
    }
  } catch (error) {
    if (!(error instanceof Broken)) throw error;
    return { states: graph.size, broken: error.message, path: told() };
  }
  const { stuck } = graph;
  return {
    states: graph.size,
    broken: stuck < 0 ? '' : `progress: state ${stuck}, ${places.get(stuck)}, leads to no end`,
    path: [],
  };
}
