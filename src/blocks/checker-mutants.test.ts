import { describe, expect, it } from 'vitest';
import { explore } from './checker.fixture.js';
import { MODELS, MUTANTS, SMALL } from './models.fixture.js';
import { checkerBuild } from './protocol-builds.fixture.js';

describe('the checker finds', () => {
  it.each(MUTANTS)('$name', ({ edits, model, breaks }) => {
    const { broken } = explore(checkerBuild([...SMALL, ...edits]), MODELS[model]);
    expect(broken).toMatch(breaks);
  });
});
