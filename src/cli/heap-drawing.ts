import { plainText } from '../core/index.js';
import type { GraphNode, ReferenceGraph } from '../heap/index.js';

const NAME_CHARS = 40;
const EDGE_CHARS = 30;
const TITLE_CHARS = 70;

/** Fill and border by what a node is to the start: what refers to it, itself, what it refers to. */
const COLOURS = {
  retainer: { fill: '#fdf1dc', line: '#b97a10' },
  start: { fill: '#dcebfd', line: '#1f5fa8' },
  reference: { fill: '#f1f1f1', line: '#777777' },
} as const;

/** The picture's parts as Graphviz wants them: what refers to the start left of it, what it refers to on the right. */
export function drawing(graph: ReferenceGraph, titles: readonly string[]) {
  return {
    directed: true,
    graphAttributes: {
      rankdir: 'LR',
      label: titles.map((title) => plainLabel(title, TITLE_CHARS)).join('\n'),
      labelloc: 't',
      fontname: 'Helvetica',
      fontsize: 14,
      bgcolor: 'white',
      nodesep: 0.25,
      ranksep: 0.6,
    },
    nodeAttributes: { shape: 'box', style: 'rounded,filled', fontname: 'Helvetica', fontsize: 12, margin: '0.22,0.07' },
    edgeAttributes: { fontname: 'Helvetica', fontsize: 10, color: '#555555', arrowsize: 0.7 },
    nodes: graph.nodes.map((node) => ({ name: `n${node.node}`, attributes: nodeAttributes(node) })),
    edges: graph.edges.map(({ from, to, name, type }) => ({
      tail: `n${from}`,
      head: `n${to}`,
      attributes: {
        label: plainLabel(type === 'element' ? `[${name}]` : name, EDGE_CHARS),
        style: type === 'weak' ? 'dashed' : 'solid',
      },
    })),
  };
}

/**
 * Draws with Graphviz in WebAssembly; the package is loaded when it is needed (1.2 MB, 0.1 s).
 * @returns SVG of its own, without script or link.
 */
export async function drawSvg(graph: ReferenceGraph, titles: readonly string[]): Promise<string> {
  const { instance } = await import('@viz-js/viz');
  const viz = await instance();
  return viz.renderString(drawing(graph, titles), { format: 'svg' });
}

function nodeAttributes({ className, id, level }: GraphNode) {
  const { fill, line } = level < 0 ? COLOURS.retainer : level === 0 ? COLOURS.start : COLOURS.reference;
  return {
    label: `${plainLabel(className || '(none)', NAME_CHARS)}\n@${id}`,
    tooltip: plainLabel(className, NAME_CHARS),
    fillcolor: fill,
    color: line,
    penwidth: level === 0 ? 2 : 1,
  };
}

/** Graphviz reads `\N` and `\G` in a label as names of its own, and HTML entities as characters. */
function plainLabel(text: string, maxChars: number): string {
  return plainText(text, maxChars).replaceAll('\\', '\\\\').replaceAll('&', '&amp;');
}
