/*
 * One execution of the checker: participants over one small pool, step by step, and the promises looked at on the way.
 */
import type { Built, Step } from './protocol-builds.fixture.js';

export type Op =
  | readonly ['allocate', agent: string, count: number]
  | readonly ['sequence', agent: string, counts: readonly number[]]
  | readonly ['free', agent: string, count: number]
  | readonly ['freeTwice', agent: string]
  | readonly ['freeOther', agent: string, other: string]
  | readonly ['freeAgent' | 'keep' | 'handOver' | 'adopt' | 'writable', agent: string]
  | readonly ['share', from: string, to: string]
  | readonly ['reconfigure', totalBlocks: number, layers: number]
  | readonly ['recover' | 'leave' | 'join'];

export interface Model {
  readonly scripts: readonly (readonly Op[])[];
  readonly crashes: number;
  readonly blocks?: number;
  readonly shares?: number;
  readonly layers?: number;
  readonly agents?: number;
  /** So many have registered before. */
  readonly joined?: number;
  /** Slots of participants; one more than scripts by default. */
  readonly slots?: number;
}

const QUIET = /^(begin|take|free|share|move|sweep|drop|rebuild|undo|mend|commit|renumber|bank)\b/;
const OUTSIDE = /^(lock|register|dead|release)\.|^recover\.(look|agent)$/;
const MENDING = /^(mend|undo|rebuild)\b/;
const STEP_LIMIT = 5000;

interface Participant {
  readonly id: number;
  readonly script: readonly Op[];
  readonly p: Built;
  readonly refs: Map<string, { index: number; serial: number }>;
  readonly holds: Map<string, number[]>;
  place: number;
  run: Generator<Step, number> | null;
  step: Step | null;
  sticky: readonly unknown[];
  result: { out: number[] | number[][] } | null;
  /** The words when it had the lock, mended if need be. */
  before: Int32Array;
  isDead: boolean;
  isLeft: boolean;
  toMend: boolean;
  /** Handles of agents that are to outlive it. */
  readonly kept: Map<string, readonly number[]>;
}

const answers = new Map<RegExp, Map<string, boolean>>([QUIET, OUTSIDE, MENDING].map((kind) => [kind, new Map()]));

/** Whether a label is of that kind; there are few labels. */
function is(kind: RegExp, label: string): boolean {
  const known = answers.get(kind)!;
  const answer = known.get(label) ?? kind.test(label);
  known.set(label, answer);
  return answer;
}

/** A promise that does not hold. */
export class Broken extends Error {}

const words = (name: string) => {
  const bytes = new Uint8Array(8);
  bytes.set(new TextEncoder().encode(name));
  return new Int32Array(bytes.buffer);
};

/** One execution: the words and those who work on them. */
export class World {
  readonly m: Int32Array;
  readonly all: Participant[];
  readonly formatted: Int32Array;
  readonly #b: Built;
  readonly #l: Built;
  readonly #model: Model;
  crashes = 0;
  /** What was seen to hold is not looked at again. */
  isReplaying = false;

  /** @param like another world of the same model, to begin as it began */
  constructor(build: Built, model: Model, like?: World) {
    this.#b = build;
    this.#model = model;
    const { blocks = 2, shares = 0, layers = 1, agents = 2, slots = model.scripts.length + 1 } = model;
    this.#l = like?.layout ?? build.layoutOf({ blocks, shares, layers, agents, participants: slots });
    this.m = like?.formatted.slice() ?? new Int32Array(this.#l.words);
    this.all = model.scripts.map((script, id) => this.#participant(id, [['join'], ...script]));
    if (!like) {
      const windows = new Array(layers).fill(0);
      drive(build.format(this.all[0].p, { totalBlocks: blocks, blockBytes: 1, windows }));
    }
    this.formatted = like?.formatted ?? this.m.slice();
    for (const one of this.all) {
      this.#begin(one);
      while (one.id < (model.joined ?? 0) && one.place === 0) this.#resume(one);
    }
  }

  #participant(id: number, script: readonly Op[]): Participant {
    const env = {
      isDead: (m: Int32Array, at: number) => this.all[m[at] - 1]?.isDead === true,
      startWaiting: () => {},
      pause: () => 'judge',
      tookOver: () => {},
      copyBlock: () => {},
    };
    const p = { m: this.m, l: this.#l, uid: new Int32Array([id + 1]), env, owner: 0, fault: 0 };
    return {
      ...{
        id,
        script,
        p,
        refs: new Map(),
        holds: new Map(),
        place: 0,
        run: null,
        step: null,
        sticky: [],
        result: null,
      },
      ...{ before: this.m, isDead: false, isLeft: false, toMend: false, kept: new Map() },
    };
  }

  get layout(): Built {
    return this.#l;
  }

  canStep(i: number): boolean {
    const one = this.all[i];
    return !one.isDead && one.step !== null;
  }

  get isDone(): boolean {
    return this.all.every((_, i) => !this.canStep(i));
  }

  /** Where everyone is, for a message. */
  get places(): string {
    return this.all
      .map((one) => `${one.id} ${one.isDead ? 'dead ' : ''}at ${one.step?.join(' ') ?? 'its end'}`)
      .join(', ');
  }

  isInside(one: Participant): boolean {
    return !one.isDead && one.step !== null && !is(OUTSIDE, one.step[0]);
  }

  /** The one whose next step nobody else can see; -1 if there is none. */
  get quiet(): number {
    const inside = this.all.filter((one) => this.isInside(one));
    return inside.length === 1 && is(QUIET, inside[0].step![0]) ? inside[0].id : -1;
  }

  kill(i: number): void {
    const one = this.all[i];
    one.isDead = true;
    this.crashes++;
    one.toMend = one.p.owner !== 0 && this.m[this.#b.LOCK] === one.p.owner;
    if (!one.toMend) this.#checkAtomic(one);
  }

  advance(i: number): void {
    const one = this.all[i];
    const label = one.step![0];
    const wasInside = this.isInside(one) && !is(MENDING, label);
    this.#resume(one);
    if (!wasInside && !one.isDead) one.before = this.m.slice();
    if (label === 'unlock' && !this.isReplaying) this.#checkWhole();
    if (!this.isReplaying) this.#checkExclusion();
    if (this.isReplaying && !this.all.some((dead) => dead.toMend)) return;
    const wasMending = is(MENDING, label) && !(one.step && is(MENDING, one.step[0]));
    if (wasMending) for (const dead of this.all) if (dead.toMend) this.#mended(dead);
  }

  #mended(dead: Participant): void {
    dead.toMend = false;
    this.#checkAtomic(dead);
  }

  #resume(one: Participant): void {
    const { done, value } = one.run!.next();
    if (!done) {
      one.step = value as Step;
      if (/^recover\./.test(one.step[0])) one.sticky = one.step;
      return;
    }
    this.#end(one, value as number);
    one.place++;
    this.#begin(one);
  }

  #begin(one: Participant): void {
    const op = one.script[one.place];
    one.step = null;
    one.sticky = [];
    if (!op || one.isLeft) return;
    one.before = this.m.slice();
    one.run = this.#start(one, op);
    if (one.run) this.#resume(one);
    else {
      one.place++;
      this.#begin(one);
    }
  }

  #ref(one: Participant, name: string): Built {
    const known = one.refs.get(name) ?? {
      nameBytes: name.length,
      nameWords: words(name),
      index: 0,
      serial: 0,
      policy: 0,
    };
    one.refs.set(name, known);
    return known;
  }

  #start(one: Participant, op: Op): Generator<Step, number> | null {
    const { p } = one;
    const b = this.#b;
    const out: number[] = [];
    one.result = { out };
    const held = (agent: string) => one.holds.get(agent) ?? [];
    switch (op[0]) {
      case 'join':
        return b.register(p);
      case 'allocate':
        return b.allocate(p, this.#ref(one, op[1]), 0, op[2], out);
      case 'sequence':
        one.result = { out: op[2].map(() => []) };
        return b.allocateSequence(p, this.#ref(one, op[1]), op[2], one.result.out);
      case 'free':
        return held(op[1]).length < op[2] ? null : b.free(p, this.#ref(one, op[1]), held(op[1]).slice(0, op[2]));
      case 'freeTwice':
        return held(op[1]).length === 0 ? null : b.free(p, this.#ref(one, op[1]), [...held(op[1]), held(op[1])[0]]);
      case 'freeOther':
        if (held(op[1]).length === 0 || held(op[2]).length === 0) return null;
        return b.free(p, this.#ref(one, op[1]), [held(op[1])[0], held(op[2])[0]]);
      case 'freeAgent':
        return b.freeAgent(p, this.#ref(one, op[1]));
      case 'keep':
        return b.setAgent(p, this.#ref(one, op[1]), b.KEEP, false);
      case 'handOver':
        return b.setAgent(p, this.#ref(one, op[1]), b.KEEP, true);
      case 'adopt':
        return b.adopt(p, this.#ref(one, op[1]));
      case 'writable':
        return held(op[1]).length === 0 ? null : b.makeWritable(p, this.#ref(one, op[1]), held(op[1])[0], out);
      case 'share':
        if (held(op[1]).length === 0) return null;
        return b.share(p, this.#ref(one, op[1]), this.#ref(one, op[2]), held(op[1]), out);
      case 'reconfigure':
        return b.reconfigure(p, { totalBlocks: op[1], blockBytes: op[1], windows: new Array(op[2]).fill(0) });
      case 'recover':
        return b.recover(p, { participants: 0, agents: 0, references: 0, blocks: 0, orphans: 0 });
      case 'leave':
        return b.leave(p, { participants: 0, agents: 0, references: 0, blocks: 0, orphans: 0 });
    }
  }

  /** What a live participant believes after its operation, and whether it is so. */
  #end(one: Participant, result: number | boolean): void {
    const op = one.script[one.place];
    const [kind, agent = ''] = op as readonly [string, string?];
    const held = one.holds.get(agent) ?? [];
    const isRefused = typeof result === 'number' && result < 0;
    if (kind === 'join' && result === false) one.isLeft = true;
    if (kind === 'freeTwice' || kind === 'freeOther') {
      if (!isRefused) throw new Broken(`refusal: ${kind} was let pass`);
    } else if (kind === 'leave' && !isRefused) {
      one.holds.clear();
      one.isLeft = true;
    } else if (!isRefused) this.#believe(one, op, held);
    if (!this.isReplaying) this.#checkBeliefs();
  }

  #believe(one: Participant, op: Op, held: number[]): void {
    const [kind, agent = ''] = op as readonly [string, string?];
    const out = one.result!.out.flat();
    if (kind === 'allocate' || kind === 'sequence') one.holds.set(agent, [...held, ...out]);
    if (kind === 'share') one.holds.set(op[2] as string, [...(one.holds.get(op[2] as string) ?? []), ...out]);
    if (kind === 'free') one.holds.set(agent, held.slice(op[2] as number));
    if (kind === 'keep' || kind === 'handOver') one.kept.set(agent, held);
    if (kind === 'adopt') for (const other of this.all) other.kept.delete(agent);
    if (kind === 'freeAgent' || kind === 'handOver') one.holds.delete(agent);
    if (kind === 'writable') one.holds.set(agent, [out[0], ...held.slice(1)]);
    if (kind === 'adopt') one.holds.set(agent, this.#heldByName().get(agent) ?? []);
  }

  /** Handles of live references by the name of their agent, from the words. */
  #heldByName(m = this.m): Map<string, number[]> {
    const b = this.#b;
    const held = new Map<string, number[]>();
    for (let r = 0; r < this.#l.references; r++) {
      const at = this.#l.referencesAt + r * 4;
      const word = m[at];
      if (word === 0 || word & b.FREED) continue;
      const name = this.#nameOf((word & b.AGENT_BITS) - 1, m);
      const handle = r + m[at + 2] * this.#l.indexSpan + (m[b.EPOCH] & 255) * this.#l.epochUnit;
      held.set(name, [...(held.get(name) ?? []), handle]);
    }
    return held;
  }

  #agentAt(index: number): number {
    return this.#l.agentsAt + index * this.#b.AGENT_WORDS;
  }

  #nameOf(index: number, m = this.m): string {
    const at = this.#agentAt(index) + this.#b.AGENT_NAME;
    const bytes = new Uint8Array(m.slice(at, at + 2).buffer);
    return new TextDecoder().decode(bytes).replaceAll('\0', '');
  }

  #checkExclusion(): void {
    const inside = this.all.filter((one) => this.isInside(one));
    if (inside.length > 1) {
      throw new Broken(`mutual exclusion: ${inside.map(({ id, step }) => `${id} at ${step![0]}`).join(', ')}`);
    }
  }

  /** Those who are between two operations hold exactly what they believe to hold. */
  #checkBeliefs(): void {
    const held = this.#heldByName();
    for (const one of this.all) {
      if (one.isDead || one.isLeft) continue;
      for (const [agent, handles] of one.holds) {
        // Who holds nothing of an agent has no claim to it.
        if (handles.length === 0 || this.#busyWith(one, agent)) continue;
        const found = held.get(agent) ?? [];
        if (!isSame(found, handles))
          throw new Broken(`ownership: ${one.id} holds ${handles} for ${agent}, not ${found}`);
      }
    }
  }

  #busyWith(one: Participant, agent: string): boolean {
    const op: readonly unknown[] = one.script[one.place] ?? [];
    return one.step !== null && (op[0] === 'leave' || op.includes(agent));
  }

  /** Counts and lists follow from the words, and every agent has a name that somebody gave. */
  #checkWhole(): void {
    const { problems } = this.#b.auditWords(this.m, this.#l, true);
    if (problems.length > 0) throw new Broken(`audit: ${problems[0]}`);
    const names = new Set(this.#model.scripts.flatMap((script) => script.flatMap((op) => op.slice(1).map(String))));
    const seen = new Set<string>();
    for (let index = 0; index < this.#l.agents; index++) {
      if (this.m[this.#agentAt(index)] === 0) continue;
      const name = this.#nameOf(index);
      if (!names.has(name)) throw new Broken(`agents: an entry is called ${JSON.stringify(name)}`);
      if (seen.has(name)) throw new Broken(`agents: two are called ${name}`);
      seen.add(name);
    }
  }

  /** What a dead one was doing happened, or it did not. */
  #checkAtomic(one: Participant): void {
    const op = one.script[one.place];
    if (!op || one.p.owner === 0) return;
    this.#checkConfiguration();
    const now = this.#heldByName();
    const before = this.#heldByName(one.before);
    for (const agent of new Set([...now.keys(), ...before.keys()])) {
      const was = before.get(agent) ?? [];
      const is = now.get(agent) ?? [];
      if (this.#ownerOf(agent, this.m) !== one.p.owner && this.#ownerOf(agent, one.before) !== one.p.owner) continue;
      if (!isSame(was, is) && !isWhole(op, agent, was, is, one.holds.get(op[1] as string)?.length ?? 0)) {
        throw new Broken(`atomicity: ${op[0]} of ${agent} left ${is} of ${was}`);
      }
    }
  }

  #ownerOf(agent: string, m: Int32Array): number {
    const index = [...Array(this.#l.agents).keys()].find(
      (i) => m[this.#agentAt(i)] !== 0 && this.#nameOf(i, m) === agent,
    );
    return index === undefined ? -1 : m[this.#agentAt(index)] & this.#b.OWNER_MASK;
  }

  /** The bank in force is one that somebody gave, whole. */
  #checkConfiguration(): void {
    const bank = this.#l.banksAt + (this.m[this.#b.EPOCH] & 1) * this.#l.bankWords;
    const [total, bytes, layers] = this.m.slice(bank, bank + 3);
    const { blocks = 2, layers: first = 1 } = this.#model;
    const given = this.#model.scripts.flat().filter((op) => op[0] === 'reconfigure') as [
      'reconfigure',
      number,
      number,
    ][];
    const isGiven = given.some((op) => op[1] === total && op[1] === bytes && op[2] === layers);
    if (isGiven || (this.m[this.#b.EPOCH] === 0 && total === blocks && bytes === 1 && layers === first)) return;
    throw new Broken(`configuration: ${total} blocks of ${bytes} bytes in ${layers} layers were never given`);
  }

  /** When nobody steps any more: a newcomer recovers, and nothing is lost. */
  finish(): void {
    const janitor = this.#participant(this.all.length, []);
    this.all.push(janitor);
    const b = this.#b;
    // Who dies between claiming a slot and putting its name there costs that slot: nobody can tell that it is dead.
    const alive = this.all.filter((one) => !one.isDead && !one.isLeft).map((one) => one.p.owner);
    const isTaken = this.#slotStates.every(
      (state, slot) => (state & 3) === b.SLOT_CLAIMED || alive.includes(b.ownerOf(slot, state)),
    );
    if (drive(b.register(janitor.p)) !== true && isTaken) return;
    if (janitor.p.owner === 0) throw new Broken('leak: no slot is free, nor one of a dead participant');
    const done = { participants: 0, agents: 0, references: 0, blocks: 0, orphans: 0 };
    if (this.all.some((one) => one.toMend)) {
      drive(b.lock(janitor.p));
      for (const dead of this.all) if (dead.toMend) this.#mended(dead);
      drive(b.unlock(janitor.p));
    }
    drive(b.recover(janitor.p, done));
    this.#checkWhole();
    this.#checkBeliefs();
    this.#checkNothingLost();
    const held = this.#heldByName();
    for (const [agent, handles] of this.all.flatMap(({ kept }) => [...kept])) {
      if (!isSame(held.get(agent) ?? [], handles))
        throw new Broken(`kept: ${agent} had ${handles}, has ${held.get(agent)}`);
    }
  }

  #checkNothingLost(): void {
    const b = this.#b;
    const alive = new Set(this.all.filter((one) => !one.isDead && !one.isLeft).map((one) => one.p.owner));
    const kept = new Set(this.#model.scripts.flat().flatMap((op) => (/^(keep|handOver)$/.test(op[0]) ? [op[1]] : [])));
    for (const [name, handles] of this.#heldByName()) {
      const owner = this.#ownerOf(name, this.m);
      const isKept = owner === 0 && kept.has(name);
      if (!alive.has(owner) && !isKept) throw new Broken(`leak: ${handles.length} references of ${name} are nobody's`);
    }
    this.#slotStates.forEach((state, slot) => {
      if ((state & 3) !== b.SLOT_LIVE || alive.has(b.ownerOf(slot, state))) return;
      throw new Broken(`leak: slot ${slot} stays with the dead`);
    });
  }

  get #slotStates(): number[] {
    const { participants, participantsAt } = this.#l;
    return Array.from({ length: participants }, (_, slot) => this.m[participantsAt + slot * this.#b.PARTICIPANT_WORDS]);
  }

  /** Two numbers of 32 bits, as one of 53. */
  get key(): number {
    let a = 0x811c9dc5;
    let b = 0x9747b28c;
    const fold = (value: number) => {
      a = Math.imul(a ^ value, 0x01000193);
      b = Math.imul(b ^ (value + (a >>> 15)), 0x85ebca6b);
      b ^= b >>> 13;
    };
    // Statistics tell states apart that go on alike.
    this.m.forEach((word, i) => {
      if (i !== this.#b.TAKEOVERS && i !== this.#b.RECOVERIES) fold(word);
    });
    for (const one of this.all) {
      fold(one.place | (one.isDead ? 256 : 0) | (one.toMend ? 512 : 0));
      fold(one.p.owner);
      for (const { index, serial } of one.refs.values()) fold(index * 1000 + serial);
      for (const handles of one.holds.values()) for (const handle of handles) fold(handle % 0x7fffffff);
      if (!one.step) continue;
      for (const char of `${one.step[0]} ${one.step[1].join()} ${one.sticky.join()}`) fold(char.charCodeAt(0));
    }
    return (a >>> 0) * 0x200000 + ((b >>> 0) & 0x1fffff);
  }
}

function isSame(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((handle) => b.includes(handle));
}

/** Whether `is` is what `op` makes of `was` when it ends; `shared` handles are there to be shared. */
function isWhole(op: Op, agent: string, was: readonly number[], is: readonly number[], shared: number): boolean {
  // These change the owner only; what the agent holds is its owner's doing.
  if (op[0] === 'adopt' || op[0] === 'keep' || op[0] === 'handOver') return true;
  const isMore = was.every((handle) => is.includes(handle));
  if (op[0] === 'allocate') return isMore && is.length === was.length + op[2];
  if (op[0] === 'sequence') return isMore && is.length === was.length + op[2].reduce((a, b) => a + b, 0);
  if (op[0] === 'share') return agent === op[2] && isMore && is.length === was.length + shared;
  if (op[0] === 'free') return is.length === was.length - op[2] && is.every((handle) => was.includes(handle));
  if (op[0] === 'freeAgent' || op[0] === 'leave' || op[0] === 'recover') return is.length === 0;
  if (op[0] === 'writable') return is.length === was.length && is.filter((h) => !was.includes(h)).length === 1;
  return false;
}

function drive(run: Generator<Step, unknown>): unknown {
  for (let i = 0; i < STEP_LIMIT; i++) {
    const { done, value } = run.next();
    if (done) return value;
  }
  throw new Broken('progress: a newcomer waits for ever');
}
