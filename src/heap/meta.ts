import { heapError } from './errors.js';
import { MAX_FIELDS } from './integer-scanner.js';

/** Canonical node types; `HeapSnapshot.nodeTypes` holds indexes into this list, whatever order the file uses. */
export const NODE_TYPES = [
  'hidden',
  'array',
  'string',
  'object',
  'code',
  'closure',
  'regexp',
  'number',
  'native',
  'synthetic',
  'concatenated string',
  'sliced string',
  'symbol',
  'bigint',
  'object shape',
  'wasm object',
] as const;

/** Canonical edge types; `HeapSnapshot.edgeTypes` holds indexes into this list. */
export const EDGE_TYPES = ['context', 'element', 'property', 'internal', 'hidden', 'shortcut', 'weak'] as const;

export type NodeType = (typeof NODE_TYPES)[number];
export type EdgeType = (typeof EDGE_TYPES)[number];

/** What the `snapshot` section says about the sections that follow; -1 for a field that the file does not have. */
export interface SnapshotMeta {
  readonly nodeCount: number;
  readonly edgeCount: number;
  readonly nodeFields: number;
  readonly nodeField: {
    readonly type: number;
    readonly name: number;
    readonly id: number;
    readonly selfSize: number;
    readonly edgeCount: number;
    /** Not in every file. */
    readonly detachedness: number;
  };
  /** Canonical type of each type number in the file. */
  readonly nodeTypeOf: Uint8Array;
  readonly edgeFields: number;
  readonly edgeField: { readonly type: number; readonly nameOrIndex: number; readonly toNode: number };
  readonly edgeTypeOf: Uint8Array;
  readonly locationFields: number;
  readonly locationField: {
    readonly objectIndex: number;
    readonly scriptId: number;
    readonly line: number;
    readonly column: number;
  };
}

type Json = Record<string, unknown>;

/**
 * Reads the `snapshot` section. Fields are found by name, as their number and order differ between versions of V8
 * (the `node_types` list of Node 24 is longer than its `node_fields`).
 * @throws WatertightError `WT_HEAP_NOT_A_SNAPSHOT`
 */
export function readMeta(text: string, byteOffset: number): SnapshotMeta {
  const notOne = (problem: string) => heapError('WT_HEAP_NOT_A_SNAPSHOT', problem, 'snapshot', byteOffset);
  const section = parseObject(text);
  const meta = section?.meta as Json | undefined;
  if (section === null || typeof meta !== 'object' || meta === null) throw notOne('it has no snapshot.meta');
  const count = (key: string): number => {
    const value = section[key];
    if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > 0xffff_fffe) {
      throw notOne(`snapshot.${key} is not a count`);
    }
    return value as number;
  };
  const fields = (key: string): string[] => (Array.isArray(meta[key]) ? (meta[key] as unknown[]).map(String) : []);
  const need = (list: string[], key: string, name: string): number => {
    const at = list.indexOf(name);
    if (at < 0) throw notOne(`snapshot.meta.${key} has no ${name}`);
    return at;
  };
  const node = fields('node_fields');
  const edge = fields('edge_fields');
  const location = fields('location_fields');
  for (const [key, list] of Object.entries({ node_fields: node, edge_fields: edge, location_fields: location })) {
    if (list.length > MAX_FIELDS) throw notOne(`snapshot.meta.${key} has more than ${MAX_FIELDS} fields`);
  }
  const hasPlaces = ['script_id', 'line', 'column'].every((name) => location.includes(name));
  const nodeType = need(node, 'node_fields', 'type');
  const edgeType = need(edge, 'edge_fields', 'type');
  return {
    nodeCount: count('node_count'),
    edgeCount: count('edge_count'),
    nodeFields: node.length,
    nodeField: {
      type: nodeType,
      name: need(node, 'node_fields', 'name'),
      id: need(node, 'node_fields', 'id'),
      selfSize: need(node, 'node_fields', 'self_size'),
      edgeCount: need(node, 'node_fields', 'edge_count'),
      detachedness: node.indexOf('detachedness'),
    },
    nodeTypeOf: canonical(meta.node_types, nodeType, NODE_TYPES),
    edgeFields: edge.length,
    edgeField: {
      type: edgeType,
      nameOrIndex: need(edge, 'edge_fields', 'name_or_index'),
      toNode: need(edge, 'edge_fields', 'to_node'),
    },
    edgeTypeOf: canonical(meta.edge_types, edgeType, EDGE_TYPES),
    locationFields: location.length,
    locationField: {
      objectIndex: hasPlaces ? location.indexOf('object_index') : -1,
      scriptId: location.indexOf('script_id'),
      line: location.indexOf('line'),
      column: location.indexOf('column'),
    },
  };
}

function parseObject(text: string): Json | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Json) : null;
  } catch {
    return null;
  }
}

/** A type that this version does not know is kept as the first of the list that promises nothing: `hidden`. */
function canonical(types: unknown, field: number, known: readonly string[]): Uint8Array {
  const names: unknown = Array.isArray(types) ? types[field] : null;
  const list = Array.isArray(names) ? names.map(String) : [...known];
  return Uint8Array.from(list, (name) => {
    const at = known.indexOf(name);
    return at < 0 ? known.indexOf('hidden') : at;
  });
}
