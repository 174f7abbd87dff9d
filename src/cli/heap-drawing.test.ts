import { describe, expect, it } from 'vitest';
import type { ReferenceGraph } from '../heap/index.js';
import { drawSvg } from './heap-drawing.js';

function graphOf(className: string, edge: string): ReferenceGraph {
  return {
    nodes: [
      { node: 1, id: 11, className: 'Holder', level: -1 },
      { node: 2, id: 13, className, level: 0 },
    ],
    edges: [{ from: 1, to: 2, name: edge, type: 'property' }],
    cut: 0,
  };
}

describe('drawSvg()', () => {
  it('draws nodes with class and id, and names the edge', async () => {
    const svg = await drawSvg(graphOf('Session', 'current'), ['Session']);
    expect(svg).toMatch(/<svg/);
    for (const text of ['Session', '@11', '@13', 'Holder', 'current']) expect(svg).toContain(`>${text}</text>`);
  });

  it('shows markup, entities and Graphviz escapes of a name as they are', async () => {
    const svg = await drawSvg(graphOf('<script>alert(1)</script>', '\\N "a" &lt; \\G'), ['<b>"title"</b> \\G']);
    expect(svg).not.toMatch(/<script|<b>|href/);
    expect(svg).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(svg).toMatch(/\\N (&quot;|")a(&quot;|") &amp;lt; \\G/);
  });

  it('takes names that are long, empty, or full of controls', async () => {
    const svg = await drawSvg(graphOf('\x1b[31m\u202e\0'.repeat(9), 'e'.repeat(1e6)), ['t'.repeat(1e6)]);
    expect(svg).not.toMatch(/[\x00-\x08\x0b-\x1f\u202e]/);
    expect(svg.length).toBeLessThan(10_000);
  });
});
