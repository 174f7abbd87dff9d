import { tool } from '@langchain/core/tools';
import { FakeListChatModel } from '@langchain/core/utils/testing';
import {
  Annotation,
  Command,
  END,
  InMemoryStore,
  interrupt,
  type LangGraphRunnableConfig,
  MemorySaver,
  START,
  StateGraph,
} from '@langchain/langgraph';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { RedisPublisher, type SuperviseGraphOptions, superviseGraph } from '../../src/publish/index.js';
import { Scope } from '../../src/scope/index.js';
import { BackgroundTasks } from '../../src/tasks/index.js';
import { consumeAll, FaultProxy, RedisBroker } from '../brokers/index.js';

const STRESS = process.env.WATERTIGHT_STRESS === '1';
/** What a close may take beyond its deadline. */
const LATE_MS = 50;

const State = Annotation.Root({
  count: Annotation<number>({ reducer: (_, next) => next, default: () => 0 }),
  answer: Annotation<string | undefined>(),
  trail: Annotation<string[]>({ reducer: (a, b) => a.concat(b), default: () => [] }),
});
type Values = typeof State.State;

interface Event {
  readonly event: string;
  readonly eventType: string;
  readonly sequence: number;
  readonly runId: string;
  readonly timestamp: number;
  readonly nodeName?: string;
  readonly threadId?: string;
  readonly userId?: string;
  readonly traceparent?: string;
  readonly content?: string;
  readonly data?: unknown;
  readonly isError?: boolean;
  readonly metadata: Record<string, unknown>;
}

let broker: RedisBroker;
let streams = 0;
beforeAll(async () => {
  broker = await RedisBroker.start();
});
afterAll(() => broker.stop());

const opened: { close(options?: { timeoutMs?: number }): Promise<unknown> }[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((thing) => thing.close({ timeoutMs: 100 })));
});

function publisherTo(url = broker.url, options = {}) {
  const stream = `events-${++streams}`;
  const publisher = new RedisPublisher({ url, stream, ...options });
  opened.push(publisher);
  return {
    publisher,
    events: async () => (await consumeAll(broker, stream)).map(({ body }) => JSON.parse(body) as Event),
  };
}

const add = tool(async ({ a, b }: { a: number; b: number }) => a + b, {
  name: 'add',
  description: 'adds',
  schema: z.object({ a: z.number(), b: z.number() }),
});
const model = new FakeListChatModel({ responses: ['fine'] });

/** plan → work (a tool) → plan … until 3, then say (a model). */
function agentGraph() {
  return new StateGraph(State)
    .addNode('plan', async () => ({ trail: ['plan'] }))
    .addNode('work', async ({ count }: Values, config) => ({
      count: (await add.invoke({ a: count, b: 1 }, config)) as number,
      trail: ['work'],
    }))
    .addNode('say', async (_: Values, config) => ({
      answer: String((await model.invoke('how?', config)).content),
      trail: ['say'],
    }))
    .addEdge(START, 'plan')
    .addConditionalEdges('plan', ({ count }) => (count < 3 ? 'work' : 'say'))
    .addEdge('work', 'plan')
    .addEdge('say', END);
}

/** One node that does what it is given. */
function graphOf(run: (values: Values, config: LangGraphRunnableConfig) => unknown, steps = 1) {
  const graph = new StateGraph(State).addNode('step', async (values, config) => {
    await run(values, config);
    return { count: values.count + 1 };
  });
  return graph.addEdge(START, 'step').addConditionalEdges('step', ({ count }) => (count < steps ? 'step' : END));
}

function supervised<G extends Parameters<typeof superviseGraph>[0]>(
  graph: G,
  options: Partial<SuperviseGraphOptions> = {},
  url?: string,
) {
  const { publisher, events } = publisherTo(url);
  const agent = superviseGraph(graph, { publisher, ...options });
  opened.push(agent);
  return { agent, publisher, events };
}

/** The kinds of the events, in their order; also checks their numbers. */
function kinds(events: readonly Event[]): string[] {
  expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index));
  return events.map(({ event, eventType, nodeName }) => `${event} ${eventType}${nodeName ? ` ${nodeName}` : ''}`);
}

async function gathered<T>(chunks: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return all;
}

/** Order holds within a run; runs are told in that of their beginning. */
function byRun(events: readonly Event[]): Event[][] {
  const runs = new Map<string, Event[]>();
  for (const event of events) runs.set(event.runId, [...(runs.get(event.runId) ?? []), event]);
  return [...runs.values()].sort(([a], [b]) => a!.timestamp - b!.timestamp);
}

/** A promise that is resolved from outside. */
function gate() {
  let open!: () => void;
  const opening = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opening };
}

async function rejection(promise: Promise<unknown>) {
  return promise.then(
    () => undefined,
    (error) => error,
  );
}

describe('superviseGraph() publishes', () => {
  it('start and end of the graph, of its nodes, tools and models, in order, with who and when', async () => {
    const { agent, events } = supervised(agentGraph().compile());
    const before = Date.now();
    const traceparent = '00-0123456789abcdef0123456789abcdef-0123456789abcdef-01';
    const result = await agent.invoke({}, { configurable: { thread_id: 't', user_id: 'u', traceparent } });
    expect(result.answer).toBe('fine');
    expect(await agent.close()).toMatchObject({ status: 'completed', publishFailures: 0 });
    const all = await events();
    const loop = [
      'node_execution start plan',
      'node_execution end plan',
      'streaming update plan',
      'node_execution start work',
      'tool_execution start work',
      'tool_execution end work',
      'node_execution end work',
      'streaming update work',
    ];
    expect(kinds(all)).toEqual([
      'graph_execution start',
      ...loop,
      ...loop,
      ...loop,
      ...loop.slice(0, 3),
      'node_execution start say',
      'llm_call start say',
      'llm_call end say',
      'node_execution end say',
      'streaming update say',
      'graph_execution end',
    ]);
    expect(new Set(all.map(({ runId }) => runId)).size).toBe(1);
    for (const [index, event] of all.entries()) {
      expect(event).toMatchObject({ threadId: 't', userId: 'u', traceparent });
      expect(event.timestamp).toBeGreaterThanOrEqual(all[index - 1]?.timestamp ?? before);
    }
    expect(all.find(({ event, eventType }) => event === 'llm_call' && eventType === 'end')?.content).toBe('fine');
    expect(all.find(({ event, eventType }) => event === 'tool_execution' && eventType === 'end')?.data).toBe(1);
    expect(all.at(-1)?.data).toMatchObject({ count: 3, answer: 'fine' });
  });

  it('what nodes write and, if asked, tokens; the same for invoke() and stream() in every mode', async () => {
    const graph = graphOf(async (_, config) => {
      config.writer?.({ at: 1 });
      for await (const _chunk of await model.stream('hi', config)) {
        // Tokens go to the callbacks.
      }
    }).compile();
    const { agent, events } = supervised(graph, { events: { llmTokens: true } });
    await agent.invoke({});
    const chunks: unknown[][] = [];
    const modes = [undefined, 'custom', ['custom', 'values'], 'values'] as const;
    for (const streamMode of modes) {
      chunks.push(await gathered(agent.stream({}, streamMode ? { streamMode: streamMode as never } : {})));
    }
    await gathered(agent.stream({}, { streamMode: ['custom'], subgraphs: true } as never));
    await agent.close();
    expect(chunks.slice(0, 3)).toMatchObject([
      [{ step: { count: 1 } }],
      [{ at: 1 }],
      [
        ['custom', { at: 1 }],
        ['values', { count: 1 }],
      ],
    ]);
    const all = byRun(await events());
    expect(all).toHaveLength(6);
    for (const run of all) {
      expect(kinds(run).filter((kind) => kind.includes('progress'))).toHaveLength(1 + 'fine'.length);
      expect(run.find(({ event, eventType }) => event === 'streaming' && eventType === 'progress')?.data).toEqual({
        at: 1,
      });
    }
  });

  it('no inputs, outputs and answers with data: false', async () => {
    const { agent, events } = supervised(agentGraph().compile(), { events: { data: false } });
    await agent.invoke({ trail: ['secret'] });
    await agent.close();
    const text = JSON.stringify(await events());
    expect(text).not.toMatch(/secret|fine/);
    expect(text).toContain('graph_execution');
  });

  it('state that no encoding takes, as far as it goes, without a hole in the numbers', async () => {
    const circle: Record<string, unknown> = { big: 1n, nan: Number.NaN, run: () => {}, map: new Map([['a', 1]]) };
    circle.self = circle;
    const { agent, events } = supervised(graphOf(() => {}).compile());
    await agent.invoke({ answer: circle as never });
    const huge = 'x'.repeat(3_000_000);
    await agent.invoke({ answer: huge });
    expect((await agent.close()).publishFailures).toBe(0);
    const runs = byRun(await events());
    for (const run of runs) kinds(run);
    expect(runs[0]?.[0]?.data).toEqual({
      answer: { big: '1', nan: 'NaN', map: [['a', 1]], self: '[circular]' },
    });
    expect(JSON.stringify(runs[1]).length).toBeGreaterThan(100_000);
  });

  it('events that a small publisher refuses again without what they carry', async () => {
    const { publisher, events } = publisherTo(broker.url, { maxEventBytes: 1_000 });
    const agent = superviseGraph(graphOf(() => {}).compile(), { publisher });
    await agent.invoke({ answer: 'y'.repeat(2_000) });
    expect(await agent.close()).toMatchObject({ status: 'completed', publishFailures: 0 });
    const all = (await events()).sort((a, b) => a.sequence - b.sequence);
    kinds(all);
    expect(all[0]).toMatchObject({ eventType: 'start', metadata: { omitted: 'WT_PUBLISH_TOO_LARGE' } });
  });

  it('the nodes of a subgraph, with the way to them', async () => {
    const inner = graphOf(() => {}).compile();
    const outer = new StateGraph(State).addNode('outer', inner).addEdge(START, 'outer').addEdge('outer', END).compile();
    const { agent, events } = supervised(outer);
    await agent.invoke({});
    await agent.close();
    const starts = (await events()).filter(
      ({ event, eventType }) => event === 'node_execution' && eventType === 'start',
    );
    expect(starts.map(({ nodeName, metadata }) => [nodeName, metadata.path])).toEqual([
      ['outer', undefined],
      ['step', ['outer']],
    ]);
  });
});

describe('D4: the last events of a run are delivered before close() returns', () => {
  it(`in ${STRESS ? 1000 : 100} of as many runs, each closed right after`, async () => {
    const runs = STRESS ? 1000 : 100;
    const graph = agentGraph().compile({ checkpointer: new MemorySaver() });
    for (let index = 0; index < runs; index++) {
      const { publisher, events } = publisherTo();
      const agent = superviseGraph(graph, { publisher, store: new InMemoryStore() });
      await agent.invoke({ count: 2 }, { configurable: { thread_id: `t-${index}` } });
      const report = await agent.close();
      // Nothing is awaited between the close and this count: it is what the broker had.
      const all = await events();
      expect(report.status).toBe('completed');
      expect(kinds(all).at(-1)).toBe('graph_execution end');
      expect(all).toHaveLength(1 + 8 + 3 + 5 + 1);
      opened.splice(0);
    }
  });

  it('of 20 runs at once that are closed in their middle', async () => {
    const begun = gate();
    let count = 0;
    const graph = graphOf(async (_, { signal }) => {
      if (++count === 20) begun.open();
      await new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true }));
    }).compile();
    const { agent, events } = supervised(graph);
    const runs = Array.from({ length: 20 }, (_, index) =>
      rejection(agent.invoke({}, { configurable: { thread_id: `${index}` } })),
    );
    await begun.opening;
    expect(agent.runs()).toHaveLength(20);
    expect(agent.runs()[3]).toMatchObject({ threadId: '3', nodes: ['step'], state: 'running' });
    const report = await agent.close({ timeoutMs: 2_000 });
    expect(report.status).toBe('completed');
    expect(report.parts[0]?.report).toMatchObject({ initial: 20, ended: 0, interrupted: 0, stopped: 20, stuck: [] });
    for (const error of await Promise.all(runs)) expect(error).toMatchObject({ code: 'WT_PUBLISH_RUN_STOPPED' });
    const all = byRun(await events());
    expect(all).toHaveLength(20);
    for (const run of all) {
      expect(kinds(run).at(-1)).toBe('graph_execution interrupted');
      expect(run.at(-1)?.metadata).toMatchObject({ by: 'close', nodes: ['step'] });
    }
  });
});

describe('a run', () => {
  it('that throws rejects with its own error, and ends with an error event', async () => {
    const fault = new Error('no luck');
    const { agent, events } = supervised(
      graphOf(() => {
        throw fault;
      }).compile(),
    );
    expect(await rejection(agent.invoke({}))).toBe(fault);
    expect(await rejection(gathered(agent.stream({})))).toBe(fault);
    expect(agent.stats()).toMatchObject({ started: 2, failed: 2, live: 0 });
    await agent.close();
    const all = byRun(await events())
      .flat()
      .filter(({ isError }) => isError);
    expect(all.map(({ event, eventType, content }) => `${event} ${eventType} ${content}`)).toEqual([
      'node_execution error no luck',
      'graph_execution error no luck',
      'node_execution error no luck',
      'graph_execution error no luck',
    ]);
  });

  it('that asks is interrupted, and goes on in another run of its thread', async () => {
    const graph = new StateGraph(State)
      .addNode('ask', async () => ({ answer: interrupt('why?') as string }))
      .addEdge(START, 'ask')
      .addEdge('ask', END)
      .compile({ checkpointer: new MemorySaver() });
    const { agent, events } = supervised(graph);
    const config = { configurable: { thread_id: 'one' } };
    expect(await agent.invoke({}, config)).toMatchObject({ __interrupt__: [{ value: 'why?' }] });
    expect((await agent.invoke(new Command({ resume: 'because' }), config)).answer).toBe('because');
    await gathered(
      agent.stream({}, { configurable: { thread_id: 'two' }, interruptBefore: ['ask'], streamMode: 'messages' }),
    );
    await agent.close();
    expect(agent.stats()).toMatchObject({ interrupted: 2, completed: 1 });
    const ends = byRun(await events())
      .flat()
      .filter(({ event, eventType }) => event !== 'streaming' && eventType !== 'start');
    expect(ends.map(({ event, eventType, data }) => [event, eventType, data])).toMatchObject([
      ['node_execution', 'interrupted', [{ value: 'why?' }]],
      ['graph_execution', 'interrupted', { interrupts: [{ value: 'why?' }] }],
      ['node_execution', 'end', undefined],
      ['graph_execution', 'end', { answer: 'because' }],
      ['graph_execution', 'interrupted', { interrupts: [] }],
    ]);
  });

  it('is stopped by its id or thread: its node is told, nothing new begins, its promise rejects', async () => {
    const begun = gate();
    let told = 0;
    const graph = graphOf(async (_, { signal }) => {
      begun.open();
      await new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true }));
      told++;
    }, 5).compile();
    const { agent, events } = supervised(graph);
    const running = rejection(agent.invoke({}, { configurable: { thread_id: 'mine' } }));
    await begun.opening;
    expect(agent.stop('yours')).toBe(0);
    expect(agent.stop('mine', 'enough')).toBe(1);
    const error = await running;
    expect(error).toMatchObject({ code: 'WT_PUBLISH_RUN_STOPPED', details: { by: 'stop', nodes: ['step'] } });
    expect(error.message).toContain('enough');
    expect(agent.runs()).toEqual([]);
    await agent.close();
    expect(told).toBe(1);
    expect((await events()).at(-1)).toMatchObject({
      eventType: 'interrupted',
      metadata: { by: 'stop', reason: 'enough' },
    });
  });

  it('that was stopped tells nothing more, though its node goes on', async () => {
    const begun = gate();
    const going = gate();
    const gone = gate();
    const graph = graphOf(async (_, config) => {
      begun.open();
      await going.opening;
      config.writer?.('late');
      gone.open();
    }).compile();
    const { agent, events } = supervised(graph);
    const running = rejection(agent.invoke({}));
    await begun.opening;
    agent.stop(agent.runs()[0]!.runId);
    expect(await running).toMatchObject({ code: 'WT_PUBLISH_RUN_STOPPED' });
    going.open();
    await gone.opening;
    await agent.close();
    expect(kinds(await events()).at(-1)).toBe('graph_execution interrupted');
  });

  it('is interrupted between two steps, and goes on from there', async () => {
    const begun = gate();
    const going = gate();
    const graph = graphOf(async () => {
      begun.open();
      await going.opening;
    }, 3).compile({ checkpointer: new MemorySaver() });
    const { agent, events } = supervised(graph);
    const config = { configurable: { thread_id: 'mine' } };
    const running = rejection(agent.invoke({}, config));
    await begun.opening;
    expect(agent.interrupt('mine')).toBe(1);
    going.open();
    expect(await running).toMatchObject({
      code: 'WT_PUBLISH_RUN_STOPPED',
      details: { by: 'interrupt', isResumable: true },
    });
    expect((await agent.invoke(null, config)).count).toBe(3);
    await agent.close();
    const first = byRun(await events())[0];
    expect(first?.filter(({ eventType }) => eventType === 'update')).toHaveLength(1);
  });

  it('ends with the signal of its caller, with the error of the graph, and leaves no listener', async () => {
    const controller = new AbortController();
    const begun = gate();
    const graph = graphOf(async () => {
      begun.open();
      await new Promise(() => {});
    }).compile();
    const { agent, events } = supervised(graph);
    let listeners = 0;
    const { signal } = controller;
    const [added, removed] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
    signal.addEventListener = (...args: Parameters<typeof added>) => {
      listeners++;
      added(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof removed>) => {
      listeners--;
      removed(...args);
    };
    const running = rejection(agent.invoke({}, { signal }));
    await begun.opening;
    controller.abort(new Error('gone'));
    expect(await running).toBeInstanceOf(Error);
    expect(listeners).toBe(0);
    await agent.close();
    expect((await events()).at(-1)).toMatchObject({
      eventType: 'interrupted',
      metadata: { by: 'signal', reason: 'gone' },
    });
  });

  it('is refused over the limit, after the close, and under an id that is taken', async () => {
    const going = gate();
    const { agent } = supervised(graphOf(() => going.opening).compile(), { maxConcurrentRuns: 2 });
    const runId = crypto.randomUUID();
    const first = agent.invoke({}, { runId });
    expect(await rejection(agent.invoke({}, { runId }))).toBeInstanceOf(RangeError);
    const second = agent.invoke({});
    expect(await rejection(agent.invoke({}))).toMatchObject({ code: 'WT_PUBLISH_GRAPH_BUSY' });
    expect(await rejection(agent.stream({}).next())).toMatchObject({ code: 'WT_PUBLISH_GRAPH_BUSY' });
    going.open();
    await Promise.all([first, second]);
    await agent.close();
    expect(await rejection(agent.invoke({}))).toMatchObject({ code: 'WT_PUBLISH_GRAPH_CLOSED' });
    expect(await rejection(gathered(agent.stream({})))).toMatchObject({ code: 'WT_PUBLISH_GRAPH_CLOSED' });
  });
});

describe('stream()', () => {
  it('does not run ahead of its reader by more than the limit', async () => {
    let steps = 0;
    const graph = graphOf(() => {
      steps++;
    }, 20).compile();
    const { agent } = supervised(graph, { maxBufferedChunks: 2 });
    const stream = agent.stream({});
    expect(agent.runs()).toEqual([]);
    for (let read = 1; read <= 20; read++) {
      expect((await stream.next()).done).toBe(false);
      if (read <= 17) await expect.poll(() => agent.runs()[0]?.state, { interval: 1 }).toBe('held');
      expect(steps - read).toBeLessThanOrEqual(2);
    }
    expect((await stream.next()).done).toBe(true);
    expect(steps).toBe(20);
    expect(agent.runs()).toEqual([]);
  });

  it('is left by break: the run is stopped, and its last event is published', async () => {
    const { agent, events } = supervised(graphOf(() => {}, 20).compile(), { maxBufferedChunks: 1 });
    for await (const _chunk of agent.stream({})) break;
    expect(agent.runs()).toEqual([]);
    expect(agent.stats()).toMatchObject({ started: 1, interrupted: 1 });
    await agent.close();
    const all = await events();
    expect(kinds(all).at(-1)).toBe('graph_execution interrupted');
    expect(all.at(-1)?.metadata.by).toBe('reader');
  });

  it('that nobody reads never begins; one that is not read on is ended by close()', async () => {
    let steps = 0;
    const count = () => {
      steps++;
    };
    const { agent } = supervised(graphOf(count, 20).compile(), { maxBufferedChunks: 1 });
    agent.stream({});
    const stream = agent.stream({});
    await stream.next();
    await expect.poll(() => agent.runs()[0]?.state).toBe('held');
    expect(agent.stats().started).toBe(1);
    const before = steps;
    const report = await agent.close({ timeoutMs: 2_000 });
    expect(report).toMatchObject({ status: 'completed' });
    expect(report.parts[0]?.report).toMatchObject({ initial: 1, stopped: 1, stuck: [] });
    expect(await rejection(gathered(stream))).toMatchObject({
      code: 'WT_PUBLISH_RUN_STOPPED',
      details: { by: 'close' },
    });
    expect(steps).toBe(before);
  });

  it('is held by a broker that does not answer, with no more events than the limit, and goes on after it', async () => {
    await using proxy = await FaultProxy.start(broker);
    const graph = graphOf(() => {}, 50).compile();
    const { agent, publisher, events } = supervised(
      graph,
      { maxUnconfirmedEvents: 8 },
      `redis://127.0.0.1:${proxy.port}`,
    );
    await publisher.connect();
    proxy.stall();
    const running = agent.invoke({}, { recursionLimit: 100 });
    await expect.poll(() => agent.runs()[0]?.state).toBe('held');
    // Those of the last node that was let in: its start, its end, and its update.
    expect(agent.runs()[0]?.unconfirmed).toBeLessThanOrEqual(8 + 3);
    await proxy.heal();
    expect((await running).count).toBe(50);
    await agent.close();
    expect(kinds(await events())).toHaveLength(1 + 3 * 50 + 1);
  });
});

describe('a publish failure', () => {
  const dead = 'redis://127.0.0.1:1';

  it('never fails a run, is told, and is in the close report', async () => {
    const { publisher } = publisherTo(dead, { publishTimeoutMs: 50 });
    const told: string[] = [];
    const onFailure = ({ runId }: { runId: string }) => {
      told.push(runId);
      throw new Error('a listener of no use');
    };
    const agent = superviseGraph(graphOf(() => {}).compile(), { publisher, onFailure });
    const runId = crypto.randomUUID();
    expect((await agent.invoke({}, { runId })).count).toBe(1);
    const report = await agent.close({ timeoutMs: 500 });
    expect(report.publishFailures).toBe(5);
    expect(told).toEqual(Array(5).fill(runId));
  });

  it("fails the run with publishFailures: 'fail-run'", async () => {
    const { publisher } = publisherTo(dead, { publishTimeoutMs: 50 });
    const agent = superviseGraph(graphOf(() => {}).compile(), { publisher, publishFailures: 'fail-run' });
    opened.push(agent);
    expect(await rejection(agent.invoke({}))).toMatchObject({ code: 'WT_PUBLISH_NOT_SENT' });
    expect(await rejection(gathered(agent.stream({})))).toMatchObject({ code: 'WT_PUBLISH_NOT_SENT' });
    expect(agent.stats()).toMatchObject({ failed: 2, live: 0 });
  });

  it('of a run that succeeds leaves it waiting for the last confirmation only with fail-run', async () => {
    const { agent, publisher } = supervised(graphOf(() => {}).compile(), { publishFailures: 'fail-run' });
    await agent.invoke({});
    expect(publisher.stats()).toMatchObject({ confirmed: 5, buffered: 0 });
  });
});

describe('close()', () => {
  it('closes runs, tasks, checkpointer, publisher, store in this order, each with status and time, once', async () => {
    const order: string[] = [];
    const told = (part: string) => async () => {
      order.push(part);
    };
    const tasks = new BackgroundTasks({ name: 'agent' });
    const checkpointer = Object.assign(new MemorySaver(), { end: told('checkpointer') });
    const store = Object.assign(new InMemoryStore(), { stop: told('store') });
    const { publisher, events } = publisherTo();
    const graph = graphOf(() => {}).compile({ checkpointer, store });
    const agent = superviseGraph(graph, { publisher, checkpointer, store, tasks });
    const closePublisher = publisher.close.bind(publisher);
    publisher.close = (options) => {
      order.push('publisher');
      return closePublisher(options);
    };
    await agent.invoke({}, { configurable: { thread_id: 't' } });
    order.length = 0;
    tasks.spawn('note', async () => {
      await new Promise(setImmediate);
      order.push('task');
    });
    const first = agent.close();
    expect(agent.close({ timeoutMs: 1 })).toBe(first);
    expect(agent.isClosed).toBe(true);
    const report = await first;
    expect(order).toEqual(['task', 'checkpointer', 'publisher', 'store']);
    expect(report.parts.map(({ part, status }) => `${part} ${status}`)).toEqual([
      'runs completed',
      'tasks completed',
      'checkpointer completed',
      'publisher completed',
      'store completed',
    ]);
    const ms = report.parts.reduce((sum, { durationMs }) => sum + durationMs, 0);
    expect(ms).toBeLessThanOrEqual(report.durationMs);
    expect(report.parts[3]?.report).toMatchObject({ accepted: 5, confirmed: 5, remaining: 0 });
    expect(await events()).toHaveLength(5);
  });

  it('before the first run keeps it closed, and opens no connection', async () => {
    const { agent, publisher } = supervised(graphOf(() => {}).compile());
    expect((await agent.close()).status).toBe('completed');
    expect(await rejection(agent.invoke({}))).toMatchObject({ code: 'WT_PUBLISH_GRAPH_CLOSED' });
    expect(publisher.stats().connects).toBe(0);
  });

  it('with the broker dead returns at its deadline, and says what remains', async () => {
    await using own = await RedisBroker.start();
    const { publisher } = publisherTo(own.url);
    const store = new InMemoryStore();
    const agent = superviseGraph(graphOf(() => {}).compile(), { publisher, store });
    await agent.invoke({});
    await publisher.flush();
    await own.kill9();
    await agent.invoke({});
    const startedAt = performance.now();
    const report = await agent.close({ timeoutMs: 600 });
    expect(performance.now() - startedAt).toBeLessThan(600 + LATE_MS);
    expect(report).toMatchObject({ status: 'timeout', publishFailures: 5 });
    const part = report.parts.find(({ part }) => part === 'publisher');
    expect(part).toMatchObject({ status: 'timeout', report: { confirmed: 5, remaining: 5 } });
    expect(report.parts.at(-1)).toMatchObject({ part: 'store', status: 'completed' });
  });

  it('ends a run whose node ignores its signal, and names the node', async () => {
    const begun = gate();
    const going = gate();
    const graph = graphOf(async () => {
      begun.open();
      await going.opening;
    }).compile();
    const { agent, events } = supervised(graph);
    const running = rejection(agent.invoke({}, { runId: '4c7e2a90-3f0f-4f06-8a87-8d35ac1a7d11' }));
    await begun.opening;
    const startedAt = performance.now();
    const report = await agent.close({ timeoutMs: 2_000 });
    expect(performance.now() - startedAt).toBeLessThan(2_000 + LATE_MS);
    expect(report.parts[0]).toMatchObject({
      status: 'completed',
      report: { stopped: 1, leftNodes: [{ runId: '4c7e2a90-3f0f-4f06-8a87-8d35ac1a7d11', nodes: ['step'] }] },
    });
    expect(await running).toMatchObject({ code: 'WT_PUBLISH_RUN_STOPPED', details: { by: 'close', nodes: ['step'] } });
    const all = await events();
    expect(kinds(all).at(-1)).toBe('graph_execution interrupted');
    going.open();
    expect((await events()).length).toBe(all.length);
  });

  it('lets a run end by itself in the first half of its time, and between two steps in the next quarter', async () => {
    const begun = gate();
    const going = gate();
    const graph = graphOf(async ({ count }) => {
      begun.open();
      if (count === 0) await going.opening;
    }, 3).compile({ checkpointer: new MemorySaver() });
    const { agent } = supervised(graph);
    const running = agent.invoke({}, { configurable: { thread_id: 'a' } });
    await begun.opening;
    const closing = agent.close({ timeoutMs: 2_000 });
    going.open();
    expect((await running).count).toBe(3);
    expect((await closing).parts[0]?.report).toMatchObject({ initial: 1, ended: 1, interrupted: 0, stopped: 0 });

    const slow = gate();
    const waiting = gate();
    const other = supervised(
      graphOf(async () => {
        slow.open();
        await waiting.opening;
      }, 3).compile({ checkpointer: new MemorySaver() }),
    ).agent;
    const stopped = rejection(other.invoke({}, { configurable: { thread_id: 'a' } }));
    await slow.opening;
    const second = other.close({ timeoutMs: 2_000 });
    await expect.poll(() => other.runs()[0]?.state, { interval: 5 }).toBe('interrupting');
    waiting.open();
    expect(await stopped).toMatchObject({ details: { by: 'close', isResumable: true } });
    expect((await second).parts[0]?.report).toMatchObject({ initial: 1, ended: 0, interrupted: 1, stopped: 0 });
  });

  it('gives up a checkpointer that hangs, in the run and in its close, at the cost of their shares', async () => {
    const begun = gate();
    const checkpointer = Object.assign(new MemorySaver(), {
      put: () => {
        begun.open();
        return new Promise<never>(() => {});
      },
      close: () => new Promise(() => {}),
    });
    const graph = graphOf(() => {}).compile({ checkpointer });
    // As a wrapper that loses what it was given: langgraph itself would end with the signal.
    const deaf = {
      invoke: (input: object, { configurable }: object & { configurable?: object }) =>
        graph.invoke(input, { configurable }),
      stream: graph.stream,
    };
    const { agent, events } = supervised(deaf as never, { checkpointer, name: 'shop' });
    const running = rejection(agent.invoke({} as never, { configurable: { thread_id: 't' } } as never));
    await begun.opening;
    const startedAt = performance.now();
    const report = await agent.close({ timeoutMs: 700 });
    expect(performance.now() - startedAt).toBeLessThan(700 + LATE_MS);
    expect(report.status).toBe('timeout');
    expect(report.parts.map(({ part, status }) => `${part} ${status}`)).toEqual([
      'runs timeout',
      'checkpointer timeout',
      'publisher completed',
    ]);
    expect(report.parts[0]?.report).toMatchObject({ stuck: [{ threadId: 't' }] });
    expect(report.parts[1]?.durationMs).toBeLessThan(700 / 3);
    expect(await running).toMatchObject({ code: 'WT_PUBLISH_RUN_STOPPED' });
    expect(kinds(await events()).at(-1)).toBe('graph_execution interrupted');
  });

  it('goes on after a part that fails, and says so; tasks that do not stop are named', async () => {
    const tasks = new BackgroundTasks({ name: 'agent', onFailure: () => {} });
    tasks.spawn('stubborn', () => new Promise(() => {}));
    const checkpointer = {
      close: () => {
        throw new Error('not open');
      },
    };
    const { agent } = supervised(graphOf(() => {}).compile(), { tasks, checkpointer, store: {} });
    const startedAt = performance.now();
    const report = await agent.close({ timeoutMs: 500 });
    expect(performance.now() - startedAt).toBeLessThan(500 + LATE_MS);
    expect(report.parts).toMatchObject([
      { part: 'runs', status: 'completed' },
      { part: 'tasks', status: 'timeout', report: { remaining: 1, stuck: [{ name: 'stubborn' }] } },
      { part: 'checkpointer', status: 'failed', report: { error: 'not open' } },
      { part: 'publisher', status: 'completed' },
      { part: 'store', status: 'completed' },
    ]);
  });

  it('with no time at all tells every part, and returns at once', async () => {
    const { agent } = supervised(graphOf(() => {}).compile(), { store: new InMemoryStore() });
    const startedAt = performance.now();
    const report = await agent.close({ timeoutMs: 0 });
    expect(performance.now() - startedAt).toBeLessThan(LATE_MS);
    expect(report.parts).toHaveLength(3);
  });

  it('comes with its scope', async () => {
    const scope = new Scope('agent');
    const { agent, events } = supervised(graphOf(() => {}).compile(), { scope });
    await agent.invoke({});
    await scope.close();
    expect(agent.isClosed).toBe(true);
    expect(await events()).toHaveLength(5);
  });

  it('leaves nothing open', async () => {
    const use = async () => {
      const { publisher } = publisherTo();
      const agent = superviseGraph(agentGraph().compile({ checkpointer: new MemorySaver() }), { publisher });
      const config = { configurable: { thread_id: 't' } };
      await agent.invoke({}, config);
      for await (const _chunk of agent.stream({}, config)) break;
      await agent.close();
    };
    await use();
    const open = () =>
      process
        .getActiveResourcesInfo()
        .filter((kind) => kind !== 'Immediate')
        .sort();
    await expect.poll(() => open().filter((kind) => kind === 'Timeout')).toEqual([]);
    const before = open();
    for (let round = 0; round < 5; round++) await use();
    await expect.poll(open).toEqual(before);
  });
});

describe('superviseGraph() refuses', () => {
  it.each([
    [{ publishers: 1 }, /no option "publishers"/],
    [{ publisher: {} }, /publisher must be a publisher/],
    [{ maxConcurrentRuns: 0 }, /maxConcurrentRuns/],
    [{ maxBufferedChunks: 1.5 }, /maxBufferedChunks/],
    [{ maxUnconfirmedEvents: '1' }, /maxUnconfirmedEvents/],
    [{ tasks: {} }, /tasks must be BackgroundTasks/],
    [{ store: 1 }, /store must be an object/],
    [{ publishFailures: 'no' }, /publishFailures/],
    [{ events: { tokens: true } }, /no option "tokens"/],
    [{ events: { llmTokens: 1 } }, /llmTokens/],
    [{ onFailure: 1 }, /onFailure/],
    [{ name: '' }, /name/],
    [{ scope: {} }, /scope/],
  ])('%j', (options, message) => {
    const { publisher } = publisherTo();
    const graph = graphOf(() => {}).compile();
    expect(() => superviseGraph(graph, { publisher, ...options } as never)).toThrow(message);
  });

  it('what is no graph, and a config that is none', async () => {
    const { publisher } = publisherTo();
    expect(() => superviseGraph({} as never, { publisher })).toThrow(/graph must be a compiled graph/);
    const { agent } = supervised(graphOf(() => {}).compile());
    expect(await rejection(agent.invoke({}, 1 as never))).toBeInstanceOf(TypeError);
    expect(await rejection(agent.invoke({}, { signal: {} } as never))).toBeInstanceOf(TypeError);
    expect(() => agent.close({ timeoutMs: -1 })).toThrow(RangeError);
    expect(agent.isClosed).toBe(false);
  });
});
