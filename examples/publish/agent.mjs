/** An agent without a model: it splits a question into parts, uses a tool for each, asks when it has none, and answers. */
import { tool } from '@langchain/core/tools';
import { Annotation, END, interrupt, MemorySaver, START, StateGraph } from '@langchain/langgraph';
import { z } from 'zod';

const DEGREES = { Oslo: 4, Rome: 19, Cairo: 31 };

const weather = tool(({ city }) => `${city} has ${DEGREES[city] ?? 'no'} degrees`, {
  name: 'weather',
  description: 'Degrees in a city',
  schema: z.object({ city: z.string() }),
});
const sum = tool(({ numbers }) => `the sum is ${numbers.reduce((a, b) => a + b, 0)}`, {
  name: 'sum',
  description: 'The sum of numbers',
  schema: z.object({ numbers: z.array(z.number()) }),
});

const State = Annotation.Root({
  question: Annotation(),
  parts: Annotation(),
  facts: Annotation({ reducer: (facts, more) => facts.concat(more), default: () => [] }),
  answer: Annotation(),
});

/** plan → (weather | sum | ask) → plan … → answer */
export function buildAgent(checkpointer = new MemorySaver()) {
  const rest = ({ parts }, fact) => ({ parts: parts.slice(1), facts: [fact] });
  return new StateGraph(State)
    .addNode('plan', ({ question, parts }) => ({ parts: parts ?? question.split(' and ') }))
    .addNode('weather', async (state, config) => {
      const [, city] = /weather in (\w+)/.exec(state.parts[0]);
      return rest(state, await weather.invoke({ city }, config));
    })
    .addNode('sum', async (state, config) => {
      const numbers = state.parts[0].match(/\d+/g).map(Number);
      return rest(state, await sum.invoke({ numbers }, config));
    })
    .addNode('ask', (state) => rest(state, interrupt(`What do you mean by "${state.parts[0]}"?`)))
    .addNode('reply', ({ facts }) => ({ answer: `${facts.join(', ')}.` }))
    .addEdge(START, 'plan')
    .addConditionalEdges('plan', route, ['weather', 'sum', 'ask', 'reply'])
    .addEdge('weather', 'plan')
    .addEdge('sum', 'plan')
    .addEdge('ask', 'plan')
    .addEdge('reply', END)
    .compile({ checkpointer, name: 'assistant' });
}

function route({ parts: [part] }) {
  if (part === undefined) return 'reply';
  if (/weather in \w+/.test(part)) return 'weather';
  return /\d/.test(part) ? 'sum' : 'ask';
}
