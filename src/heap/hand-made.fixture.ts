import { EDGE_TYPES, type EdgeType, NODE_TYPES, type NodeType } from './meta.js';

export interface HandMadeNode {
  readonly type?: NodeType;
  readonly name?: string;
  readonly id?: number;
  readonly size?: number;
  /** 1 in a document, 2 in none; 0 unknown. */
  readonly detachedness?: 0 | 1 | 2;
  /** Edges to nodes by their place in the list; a number is an element. */
  readonly edges?: readonly (readonly [name: string | number, to: number, type?: EdgeType])[];
}

/** The text of a snapshot as Node 24 writes one; the first node is the root. */
export function handMade(nodes: readonly HandMadeNode[]): string {
  const strings = ['<dummy>'];
  const indexes = new Map<string, number>();
  const stringIndex = (text: string): number => {
    if (!indexes.has(text)) indexes.set(text, strings.push(text) - 1);
    return indexes.get(text)!;
  };
  const nodeNumbers = nodes.flatMap(({ type = 'object', name = '', id, size = 0, detachedness = 0, edges = [] }, i) => {
    return [NODE_TYPES.indexOf(type), stringIndex(name), id ?? 2 * i + 1, size, edges.length, detachedness];
  });
  const edgeNumbers = nodes.flatMap(({ edges = [] }) =>
    edges.flatMap(([name, to, type]) => {
      const kind = type ?? (typeof name === 'number' ? 'element' : 'property');
      return [EDGE_TYPES.indexOf(kind), typeof name === 'number' ? name : stringIndex(name), to * 6];
    }),
  );
  const meta = {
    node_fields: ['type', 'name', 'id', 'self_size', 'edge_count', 'detachedness'],
    node_types: [NODE_TYPES, 'string', 'number', 'number', 'number', 'number'],
    edge_fields: ['type', 'name_or_index', 'to_node'],
    edge_types: [EDGE_TYPES, 'string_or_number', 'node'],
    trace_function_info_fields: [],
    trace_node_fields: [],
    sample_fields: [],
    location_fields: ['object_index', 'script_id', 'line', 'column'],
  };
  return JSON.stringify({
    snapshot: { meta, node_count: nodes.length, edge_count: edgeNumbers.length / 3 },
    nodes: nodeNumbers,
    edges: edgeNumbers,
    trace_function_infos: [],
    trace_tree: [],
    samples: [],
    locations: [(nodes.length - 1) * 6, 1, 2, 3],
    strings,
  });
}
