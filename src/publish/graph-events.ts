// What happens in a run, as langgraph tells a callback handler. Callbacks are the leanest source that is complete, and the
// only one that langgraph waits for: `stream` and `streamEvents` run ahead of who reads them. Facts of langgraph 1.x:
//
// - The root chain has the run's id. A node is a chain with the tag `graph:step:<n>`; `langsmith:hidden` marks its own.
// - A node that calls `interrupt()` fails with an error named GraphInterrupt; so does the node that holds its subgraph.
// - A handler with `awaitHandlers` is awaited; one with the symbol below hears of interrupts before and after nodes too.
// - When a run is aborted, its nodes end for langgraph, though their functions may go on.
import { errorText, monotonicMs } from '../core/index.js';
import type { GraphRun } from './graph-run.js';

const HIDDEN = 'langsmith:hidden';
const STEP = 'graph:step:';
const LISTENS_TO_GRAPH = Symbol.for('langgraph.graph_callback_handler');

type Metadata = Readonly<Record<string, unknown>> | undefined;

interface Call {
  readonly kind: 'node_execution' | 'tool_execution' | 'llm_call';
  readonly name: string;
  readonly nodeName: string | undefined;
  readonly startedAt: number;
  readonly details: Readonly<Record<string, unknown>>;
}

interface Serialized {
  readonly id?: readonly string[];
  readonly name?: string;
}

/** A callback handler of LangChain: turns what happens in one run into its events, and holds nodes back. */
export class GraphEvents {
  readonly name = 'watertight';
  readonly awaitHandlers = true;
  readonly [LISTENS_TO_GRAPH] = true;
  readonly #run: GraphRun;
  readonly #withTokens: boolean;
  readonly #calls = new Map<string, Call>();

  constructor(run: GraphRun, withTokens: boolean) {
    this.#run = run;
    this.#withTokens = withTokens;
  }

  async handleChainStart(
    _chain: unknown,
    input: unknown,
    id: string,
    _parentId?: string,
    tags: readonly string[] = [],
    metadata?: Metadata,
    _type?: string,
    name?: string,
  ): Promise<void> {
    const step = tags.find((tag) => tag.startsWith(STEP));
    if (step === undefined || tags.includes(HIDDEN)) return;
    await this.#run.enter();
    const nodeName = textOf(metadata?.langgraph_node) ?? name ?? 'node';
    this.#run.entered(id, nodeName);
    const path = pathOf(metadata);
    const details = { step: Number(step.slice(STEP.length)), ...(path === undefined ? {} : { path }) };
    this.#start('node_execution', id, nodeName, nodeName, details, input);
  }

  handleChainEnd(output: unknown, id: string): void {
    if (id === this.#run.runId) this.#run.output = output;
    const node = this.#finish(id, 'end', {});
    if (!node) return;
    this.#run.emit({
      event: 'streaming',
      eventType: 'update',
      nodeName: node.nodeName,
      contentType: ['update'],
      data: output,
      metadata: node.details,
    });
  }

  handleChainError(error: unknown, id: string): void {
    this.#fail(error, id);
  }

  handleToolStart(
    tool: Serialized,
    input: string,
    id: string,
    _parentId?: string,
    tags: readonly string[] = [],
    metadata?: Metadata,
    runName?: string,
    toolCallId?: string,
  ): void {
    if (tags.includes(HIDDEN)) return;
    const name = runName ?? tool?.name ?? tool?.id?.at(-1) ?? 'tool';
    const details = { tool: name, ...(toolCallId === undefined ? {} : { toolCallId }) };
    this.#start('tool_execution', id, name, textOf(metadata?.langgraph_node), details, input, 'tool_call');
  }

  handleToolEnd(output: unknown, id: string): void {
    this.#finish(id, 'end', { data: output, contentType: ['tool_result'] });
  }

  handleToolError(error: unknown, id: string): void {
    this.#fail(error, id);
  }

  handleChatModelStart(
    model: Serialized,
    messages: readonly unknown[],
    id: string,
    parentId?: string,
    parameters?: unknown,
    tags?: readonly string[],
    metadata?: Metadata,
    runName?: string,
  ): void {
    this.handleLLMStart(model, messages, id, parentId, parameters, tags, metadata, runName);
  }

  handleLLMStart(
    model: Serialized,
    prompts: readonly unknown[],
    id: string,
    _parentId?: string,
    _parameters?: unknown,
    tags: readonly string[] = [],
    metadata?: Metadata,
    runName?: string,
  ): void {
    if (tags.includes(HIDDEN)) return;
    const name = textOf(metadata?.ls_model_name) ?? runName ?? model?.id?.at(-1) ?? 'model';
    this.#start('llm_call', id, name, textOf(metadata?.langgraph_node), { model: name }, prompts, 'message');
  }

  async handleLLMNewToken(token: string, _index: unknown, id: string): Promise<void> {
    const call = this.#calls.get(id);
    if (call && this.#withTokens && token !== '') {
      const { nodeName, details } = call;
      this.#run.emit({
        event: 'llm_call',
        eventType: 'progress',
        nodeName,
        content: token,
        contentType: ['text'],
        metadata: details,
      });
    }
    await this.#run.room();
  }

  handleLLMEnd(output: unknown, id: string): void {
    const { generations, llmOutput } = (output ?? {}) as {
      generations?: readonly (readonly Generation[])[];
      llmOutput?: Usage;
    };
    const first = generations?.[0]?.[0];
    const usage = first?.message?.usage_metadata ?? llmOutput?.tokenUsage;
    this.#finish(id, 'end', {
      ...(typeof first?.text === 'string' ? { content: first.text } : {}),
      data: { message: first?.message, usage },
      contentType: ['message'],
    });
  }

  handleLLMError(error: unknown, id: string): void {
    this.#fail(error, id);
  }

  /** Of the graph itself, which is to be resumed later; also when it stops before or after a node. */
  handleInterrupt({ interrupts }: { interrupts?: readonly unknown[] }): void {
    this.#run.interrupts = [...(interrupts ?? [])];
  }

  /** What a node has written by `config.writer`. */
  noteWritten(data: unknown): void {
    const names = [...this.#run.nodes.values()];
    const nodeName = names.length === 1 ? names[0] : undefined;
    this.#run.emit({ event: 'streaming', eventType: 'progress', nodeName, contentType: ['data'], data });
  }

  #start(
    kind: Call['kind'],
    id: string,
    name: string,
    nodeName: string | undefined,
    details: Call['details'],
    data: unknown,
    contentType: 'state' | 'tool_call' | 'message' = 'state',
  ): void {
    this.#calls.set(id, { kind, name, nodeName, startedAt: monotonicMs(), details });
    this.#run.emit({ event: kind, eventType: 'start', nodeName, contentType: [contentType], data, metadata: details });
  }

  #finish(id: string, eventType: 'end' | 'error' | 'interrupted', fields: Partial<Parameters<GraphRun['emit']>[0]>) {
    const call = this.#calls.get(id);
    if (!call) return undefined;
    this.#calls.delete(id);
    this.#run.nodes.delete(id);
    const { kind, nodeName, details, startedAt } = call;
    const metadata = { ...details, durationMs: monotonicMs() - startedAt };
    this.#run.emit({ event: kind, eventType, nodeName, metadata, ...fields });
    return kind === 'node_execution' ? call : undefined;
  }

  #fail(error: unknown, id: string): void {
    if (!isGraphInterrupt(error)) {
      const content = errorText(error);
      this.#finish(id, 'error', { isError: true, content, contentType: ['error'] });
      return;
    }
    const { interrupts } = error;
    const call = this.#finish(id, 'interrupted', { data: interrupts });
    if (call && Array.isArray(interrupts)) this.#run.interrupts ??= interrupts;
  }
}

interface Usage {
  readonly tokenUsage?: unknown;
}

interface Generation {
  readonly text?: string;
  readonly message?: { readonly usage_metadata?: unknown };
}

function isGraphInterrupt(error: unknown): error is Error & { interrupts?: unknown } {
  const name = (error as { name?: unknown } | null)?.name;
  return name === 'GraphInterrupt' || name === 'NodeInterrupt';
}

/** Nodes of the graphs around a subgraph's node: `a:<id>|b:<id>` is node b within node a. */
function pathOf(metadata: Metadata): string[] | undefined {
  const namespace = textOf(metadata?.langgraph_checkpoint_ns);
  if (namespace === undefined || !namespace.includes('|')) return undefined;
  return namespace
    .split('|')
    .slice(0, -1)
    .map((part) => part.split(':')[0] as string);
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
