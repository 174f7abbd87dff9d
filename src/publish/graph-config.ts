import type { GraphEvents } from './graph-events.js';
import type { GraphConfig, GraphRun } from './graph-run.js';

/** What a run is given by us beside what its caller gave, and what is to be called with each chunk of its stream. */
export interface OwnConfig {
  readonly config: object;
  readonly onChunk: (chunk: unknown) => void;
}

/**
 * A config of langgraph with our id, signal, control and handler. What nodes write by `config.writer` is heard by a writer of
 * ours; when the caller streams it, by his chunks, as a writer given to langgraph takes the place of that of the stream.
 */
export function ownConfig(graph: object, given: GraphConfig, run: GraphRun, events: GraphEvents): OwnConfig {
  const written = writtenIn(given, graph);
  const hearsWriter = written === 'none' && given.writer === undefined;
  const { runId, signal, control } = run;
  const config = {
    ...given,
    runId,
    signal,
    control,
    callbacks: withHandler(given.callbacks, events),
    ...(hearsWriter ? { writer: (data: unknown) => events.noteWritten(data) } : {}),
  };
  const onChunk = (chunk: unknown) => {
    // Encoded for the wire: the bytes of a browser's event stream.
    if (written === 'none' || given.encoding !== undefined) return;
    if (written === 'all') events.noteWritten(given.subgraphs ? (chunk as unknown[])[1] : chunk);
    else if ((chunk as unknown[]).at(-2) === 'custom') events.noteWritten((chunk as unknown[]).at(-1));
  };
  return { config, onChunk };
}

/** What of a run's chunks is written by nodes: all of them, some with the mode beside, or none. */
function writtenIn(given: GraphConfig, graph: object): 'all' | 'some' | 'none' {
  const modes = given.streamMode ?? (graph as { streamMode?: unknown }).streamMode;
  if (!Array.isArray(modes)) return modes === 'custom' ? 'all' : 'none';
  if (!modes.includes('custom')) return 'none';
  // A list of the caller's tells the mode of each chunk, that of the graph itself only when there are several.
  return given.streamMode === undefined && modes.length === 1 ? 'all' : 'some';
}

/** Callbacks are a list of handlers, or a manager of them. */
function withHandler(callbacks: unknown, handler: GraphEvents): unknown {
  if (callbacks === undefined || callbacks === null) return [handler];
  if (Array.isArray(callbacks)) return [...callbacks, handler];
  const manager = (callbacks as { copy(): { addHandler(handler: unknown, isInherited: boolean): void } }).copy();
  manager.addHandler(handler, true);
  return manager;
}
