import type { Model } from './checker-world.fixture.js';
import type { Edit } from './protocol-builds.fixture.js';

/** Sizes for the checker: names of two words, owners of one. */
export const SMALL: readonly Edit[] = [
  { find: 'export const NAME_WORDS = 30;', replace: 'export const NAME_WORDS = 2;' },
  { find: 'export const UID_WORDS = 12;', replace: 'export const UID_WORDS = 1;' },
];

/** What is gone through, by what it is about. `beta-` has more than one word of name. */
export const MODELS: Readonly<Record<string, Model>> = {
  'allocate and free, one dies': {
    scripts: [
      [
        ['allocate', 'a', 1],
        ['free', 'a', 1],
        ['allocate', 'a', 1],
      ],
      [
        ['allocate', 'beta-', 2],
        ['free', 'beta-', 1],
      ],
    ],
    crashes: 1,
  },
  'free and recover, both may die': {
    scripts: [
      [
        ['allocate', 'a', 2],
        ['freeAgent', 'a'],
      ],
      [['allocate', 'beta-', 1], ['recover']],
    ],
    blocks: 3,
    joined: 2,
    crashes: 2,
  },
  'three, two of them die': {
    scripts: [[['allocate', 'a', 1]], [['allocate', 'b', 1]], [['freeAgent', 'c']]],
    agents: 2,
    joined: 3,
    crashes: 2,
  },
  'three, one of them recovers': {
    scripts: [[['allocate', 'a', 1]], [['adopt', 'a']], [['recover']]],
    agents: 2,
    joined: 3,
    crashes: 1,
  },
  'wrong handles': {
    scripts: [
      [
        ['allocate', 'a', 2],
        ['freeTwice', 'a'],
        ['allocate', 'c', 1],
        ['freeOther', 'a', 'c'],
      ],
      [['allocate', 'beta-', 1]],
    ],
    blocks: 3,
    agents: 3,
    joined: 2,
    crashes: 1,
  },
  'sequences of two layers': {
    scripts: [
      [
        ['sequence', 'a', [1, 1]],
        ['free', 'a', 2],
      ],
      [
        ['sequence', 'beta-', [1, 2]],
        ['freeAgent', 'beta-'],
      ],
    ],
    blocks: 4,
    layers: 2,
    joined: 2,
    crashes: 2,
  },
  'shares and copies on write': {
    scripts: [
      [
        ['allocate', 'a', 2],
        ['share', 'a', 'c'],
        ['writable', 'c'],
        ['freeAgent', 'a'],
        ['free', 'c', 1],
      ],
      [['recover']],
    ],
    blocks: 3,
    shares: 2,
    joined: 2,
    crashes: 2,
  },
  'shares after their first reference': {
    scripts: [
      [
        ['allocate', 'a', 1],
        ['share', 'a', 'c'],
        ['free', 'a', 1],
        ['writable', 'c'],
        ['share', 'c', 'c'],
        ['freeAgent', 'c'],
      ],
      [['recover']],
    ],
    shares: 2,
    joined: 2,
    crashes: 2,
  },
  'kept, handed over, adopted': {
    scripts: [
      [
        ['allocate', 'a', 1],
        ['keep', 'a'],
        ['allocate', 'c', 1],
        ['handOver', 'c'],
      ],
      [['recover'], ['adopt', 'a'], ['adopt', 'c'], ['freeAgent', 'a']],
    ],
    agents: 3,
    joined: 2,
    crashes: 1,
  },
  'reconfigured while another allocates': {
    scripts: [
      [
        ['reconfigure', 1, 2],
        ['allocate', 'a', 1],
        ['freeAgent', 'a'],
        ['reconfigure', 2, 1],
      ],
      [
        ['allocate', 'beta-', 1],
        ['free', 'beta-', 1],
      ],
    ],
    layers: 2,
    joined: 2,
    crashes: 2,
  },
  'a slot that is given on': {
    scripts: [[['allocate', 'a', 1]], [['adopt', 'a']], [['adopt', 'a']]],
    agents: 2,
    slots: 2,
    joined: 2,
    crashes: 1,
  },
  'leaving, and too few slots': {
    scripts: [
      [['allocate', 'a', 1], ['leave']],
      [['allocate', 'beta-', 1], ['leave']],
    ],
    slots: 1,
    crashes: 1,
  },
  'leaving while others allocate': {
    scripts: [[['allocate', 'a', 1], ['leave']], [['allocate', 'beta-', 1]]],
    crashes: 1,
  },
  'fewer entries than agents': {
    scripts: [
      [
        ['allocate', 'a', 1],
        ['free', 'a', 1],
        ['allocate', 'gamma', 1],
      ],
      [
        ['allocate', 'beta-', 1],
        ['freeAgent', 'beta-'],
        ['allocate', 'a', 1],
      ],
    ],
    agents: 2,
    joined: 2,
    crashes: 1,
  },
};

/** Operation numbers that end soon. */
export const RENUMBERED: Edit = {
  find: 'export const SEQ_LIMIT = 0x7fffffff;',
  replace: 'export const SEQ_LIMIT = 2;',
};

export interface Mutant {
  readonly name: string;
  readonly edits: readonly Edit[];
  /** The model in which it is found. */
  readonly model: string;
  /** The promise by whose breaking it is found. */
  readonly breaks: RegExp;
}

const edit = (find: string, replace: string): Edit => ({ find, replace });
const TAKE_SEQ = '    //: take.seq (agent, layer, i, s)\n    m[at + SEQ] = s;\n';
const TAKE_WORD = '    //: take.word (agent, layer, i, s)\n    m[at] = word;\n';
const SHARE_SEQ = '    //: share.seq (r, i, s)\n    m[at + SEQ] = s;\n';
const SHARE_WORD = '    //: share.word (r, i, s)\n    m[at] = (agent + 1) | (layer << LAYER_SHIFT);\n';
const SWEEP =
  '    //: sweep.seq (r, s, count)\n    m[at + SEQ] = s;\n    //: sweep.word (r, s, count)\n    m[at] = word | FREED;\n';
const MARK = '    //: free.seq (i, s)\n    m[at + SEQ] = s;\n';
const BANK = '    writeBank(p, l.banksAt + (epoch & 1) * l.bankWords, configuration);\n';
const EPOCH_STORE = '    //: config.epoch (epoch)\n    m[EPOCH] = epoch;\n';
const AGENT_STATE = '  //: agent.state (index)\n  m[at] = IN_USE | agent.policy | p.owner;\n';
const AGENT_NAME =
  '  for (let i = 0; i < NAME_WORDS; i++) {\n    //: agent.name (index, i)\n    m[at + AGENT_NAME + i] = agent.nameWords[i];\n  }\n';
const LIVE = '  //: register.live (slot, generation)\n  Atomics.store(m, at, (generation << 2) | SLOT_LIVE);\n';
const UID =
  '  for (let i = 0; i < UID_WORDS; i++) {\n    //: register.uid (slot, generation, i)\n    m[at + 1 + i] = p.uid[i];\n  }\n';

/** Mistakes that the checker has to find. */
export const MUTANTS: readonly Mutant[] = [
  {
    name: 'the lock of the dead is stored, not exchanged',
    model: 'three, two of them die',
    edits: [
      edit(
        'if (Atomics.compareExchange(m, LOCK, seen, owner) === seen) return mend(p);',
        'Atomics.store(m, LOCK, owner);\n    return mend(p);',
      ),
    ],
    breaks: /mutual exclusion/,
  },
  {
    name: 'LOCK without the generation of the slot',
    model: 'a slot that is given on',
    edits: [
      edit('p.owner = (slot + 1) | (generation << 8);', 'p.owner = slot + 1;'),
      edit('  return (slot + 1) | (((state >>> 2) & GENERATION_MASK) << 8);', '  return slot + 1;'),
      edit('  if (((state >>> 2) & GENERATION_MASK) !== owner >>> 8) return true;\n', ''),
    ],
    breaks: /mutual exclusion/,
  },
  {
    name: 'the slot is published before its uid is written',
    model: 'allocate and free, one dies',
    edits: [edit(UID + LIVE, LIVE + UID)],
    breaks: /leak/,
  },
  {
    name: 'the slot is not published before the first lock',
    model: 'allocate and free, one dies',
    edits: [edit(LIVE, '')],
    breaks: /progress/,
  },
  {
    name: 'a slot half written counts as dead',
    model: 'leaving, and too few slots',
    edits: [
      edit('  if ((state & 3) === SLOT_CLAIMED) return false;', '  if ((state & 3) === SLOT_CLAIMED) return true;'),
    ],
    breaks: /mutual exclusion|ownership|audit|progress|leak/,
  },
  {
    name: 'the slot is given back before the lock',
    model: 'leaving while others allocate',
    edits: [
      edit(
        '  unlock(p);\n  releaseSlot(p);\n',
        '  const slot = p.owner;\n  releaseSlot(p);\n  p.owner = slot;\n  unlock(p);\n',
      ),
    ],
    breaks: /mutual exclusion/,
  },
  {
    name: 'nothing is undone',
    model: 'allocate and free, one dies',
    edits: [edit('  undo(p);\n', '')],
    breaks: /atomicity|audit/,
  },
  {
    name: 'nothing is rebuilt',
    model: 'allocate and free, one dies',
    edits: [edit('  rebuild(p);\n  return OK;', '  return OK;')],
    breaks: /audit/,
  },
  {
    name: 'allocate: word before number',
    model: 'allocate and free, one dies',
    edits: [edit(TAKE_SEQ + TAKE_WORD, TAKE_WORD + TAKE_SEQ)],
    breaks: /atomicity/,
  },
  {
    name: 'allocate: COMMIT before the words',
    model: 'allocate and free, one dies',
    edits: [
      edit(
        '      take(p, index, layer, count, s, out);\n      commit(p, s);',
        '      commit(p, s);\n      take(p, index, layer, count, s, out);',
      ),
    ],
    breaks: /atomicity/,
  },
  {
    name: 'sequence: a commit for each layer',
    model: 'sequences of two layers',
    edits: [
      edit(
        'take(p, index, layer, counts[layer], s, out[layer]);',
        '{ take(p, index, layer, counts[layer], s, out[layer]); commit(p, s); }',
      ),
    ],
    breaks: /atomicity/,
  },
  {
    name: 'the number of the operation is not in the journal before the words',
    model: 'allocate and free, one dies',
    edits: [edit('  m[OPSEQ] = s;\n', ''), edit('  p.m[COMMIT] = s;', '  p.m[OPSEQ] = s;\n  p.m[COMMIT] = s;')],
    breaks: /atomicity/,
  },
  {
    name: 'undo gives back what was being taken',
    model: 'allocate and free, one dies',
    edits: [edit('m[at] = wasTaken ? 0 : m[at] & ~FREED;', 'm[at] = m[at] & ~FREED;')],
    breaks: /atomicity|ownership/,
  },
  {
    name: 'undo of a free forgets the blocks',
    model: 'free and recover, both may die',
    edits: [edit('m[at] = wasTaken ? 0 : m[at] & ~FREED;', 'm[at] = 0;')],
    breaks: /atomicity/,
  },
  {
    name: 'free without checking handles',
    model: 'wrong handles',
    edits: [edit('    if (!isGood) {', '    if (isGood && s < 0) {')],
    breaks: /refusal|ownership|audit/,
  },
  {
    name: 'free checks and frees in one pass',
    model: 'wrong handles',
    edits: [edit(MARK, `${MARK}    m[at] |= FREED;\n`)],
    breaks: /ownership|audit|atomicity/,
  },
  {
    name: 'share: word before number',
    model: 'shares and copies on write',
    edits: [edit(SHARE_SEQ + SHARE_WORD, SHARE_WORD + SHARE_SEQ)],
    breaks: /atomicity/,
  },
  {
    name: 'share: what it added is not undone',
    model: 'shares and copies on write',
    edits: [edit('const wasTaken = kind === ALLOCATES ||', 'const wasTaken = (kind === ALLOCATES && r < l.blocks) ||')],
    breaks: /atomicity/,
  },
  {
    name: 'share: the end is moved after the word',
    model: 'shares and copies on write',
    edits: [
      edit('      //: share.end (r, i, s)\n      m[REFERENCES_END] = r + 1;\n', ''),
      edit(
        '    //: share.counts (r, i, s) ~\n',
        '    //: share.end (r, i, s)\n    m[REFERENCES_END] = Math.max(r + 1, m[REFERENCES_END]);\n    //: share.counts (r, i, s) ~\n',
      ),
    ],
    breaks: /atomicity|audit/,
  },
  {
    name: 'copy on write: undo takes the new one for an old one',
    model: 'shares and copies on write',
    edits: [edit(' || (kind === MOVES && m[OPNEW] === r)', '')],
    breaks: /atomicity/,
  },
  {
    name: 'freeAgent: word before number',
    model: 'free and recover, both may die',
    edits: [edit(SWEEP, SWEEP.split('\n').slice(2, 4).concat(SWEEP.split('\n').slice(0, 2), '').join('\n'))],
    breaks: /atomicity/,
  },
  {
    name: 'freeAgent forgets the agent first',
    model: 'free and recover, both may die',
    edits: [
      edit(
        '      if (count > 0) freeWhere(p, index + 1, 0);\n      //: agent.forget (index)\n      m[at] = 0;',
        '      //: agent.forget (index)\n      m[at] = 0;\n      if (count > 0) freeWhere(p, index + 1, 0);',
      ),
    ],
    breaks: /audit|leak|atomicity|ownership/,
  },
  {
    name: 'an agent is in use before it has its name',
    model: 'allocate and free, one dies',
    edits: [edit(AGENT_NAME + AGENT_STATE, AGENT_STATE + AGENT_NAME)],
    breaks: /agents/,
  },
  {
    name: 'EPOCH before the bank',
    model: 'reconfigured while another allocates',
    edits: [edit(BANK + EPOCH_STORE, EPOCH_STORE + BANK)],
    breaks: /configuration|audit/,
  },
  {
    name: 'reconfigure while blocks are held',
    model: 'reconfigured while another allocates',
    edits: [edit('let result = m[HELD] > 0 ? STILL_HELD : OK;', 'let result = OK as number;')],
    breaks: /ownership|audit|atomicity/,
  },
  {
    name: 'recover frees what is to be kept',
    model: 'kept, handed over, adopted',
    edits: [
      edit(
        '!== (IN_USE | owner)) continue;',
        '!== (IN_USE | owner) && m[l.agentsAt + (agent - 1) * AGENT_WORDS] !== (IN_USE | KEEP | owner)) continue;',
      ),
    ],
    breaks: /kept/,
  },
  {
    name: 'an agent of another is adopted',
    model: 'kept, handed over, adopted',
    edits: [edit('if (owner !== 0 && owner !== p.owner && result > 0) result = AGENT_HELD;', '')],
    breaks: /ownership|atomicity/,
  },
  {
    name: 'numbers start anew with COMMIT first',
    model: 'free and recover, both may die',
    edits: [
      RENUMBERED,
      edit(
        '  //: renumber.seq\n  m[OPSEQ] = 0;\n  //: renumber.commit\n  m[COMMIT] = 0;\n',
        '  m[COMMIT] = 0;\n  //: renumber.seq\n  m[OPSEQ] = 0;\n',
      ),
      edit('m[l.referencesAt + (r << REFERENCE_SHIFT) + SEQ] = -1;', ''),
    ],
    breaks: /atomicity|ownership/,
  },
];
