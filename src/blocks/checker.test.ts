import { describe, expect, it } from 'vitest';
import { explore } from './checker.fixture.js';
import { MODELS, RENUMBERED, SMALL } from './models.fixture.js';
import { checkerBuild, labels, protocolFiles, sourceOf } from './protocol-builds.fixture.js';

const protocol = checkerBuild(SMALL);

describe('the protocol, through every interleaving and death', () => {
  it.each(Object.keys(MODELS))('keeps its promises: %s', (name) => {
    const { broken, path, states } = explore(protocol, MODELS[name]);
    expect({ broken, path }).toEqual({ broken: '', path: [] });
    expect(states).toBeGreaterThan(1000);
  });

  it('keeps its promises while numbers of operations start anew', () => {
    const { broken } = explore(checkerBuild([...SMALL, RENUMBERED]), MODELS['free and recover, both may die']);
    expect(broken).toBe('');
  });
});

const WRITE = /\bm\[[^=]*\](?: [-+|&]?= |\+\+|--)|(?:\+\+|--)m\[|Atomics\.|\.fill\(/;
const DERIVED = /FREE|freeShares|HELD|REFERENCES|freeAt|layers \+|layerCountsAt|AGENT_COUNT|SHARES_OR_BLOCK/;

/** Shared writes that no marker stands before, and derived markers that stand for others. */
function unmarked(file: string): string[] {
  // Nobody else sees the words that format() writes; isPool() reads what never changes.
  const text = sourceOf(file).replace(/^export function (format|isPool)\([\s\S]*?^}$/gm, '');
  const found: string[] = [];
  let marker = '';
  for (const line of text.split('\n')) {
    const isMarker = /^ *\/\/: /.test(line);
    const isWrite = WRITE.test(line) && !/^ *(\/\/|\*|\/\*)/.test(line);
    if (isWrite && (marker === '' || (marker.endsWith('~') && !DERIVED.test(line))))
      found.push(`${file}: ${line.trim()}`);
    if (isMarker) marker = line;
    else if (!marker.endsWith('~') || line === '' || line === '}') marker = '';
  }
  return found;
}

describe('markers', () => {
  it.each(protocolFiles())('stand before each shared step of %s', (file) => {
    expect(unmarked(file)).toEqual([]);
  });

  it('are names of one place each', () => {
    expect(labels().length).toBeGreaterThan(50);
  });
});
