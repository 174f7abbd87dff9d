/**
 * Runs an agent and publishes what happens in it: `node examples/publish/main.mjs [url]`
 * Without a URL the events go to the console; with one to that broker: redis://, amqp://, nats://, kafka://
 */
import { Command, InMemoryStore } from '@langchain/langgraph';
import { ConsolePublisher, createPublisher, superviseGraph } from 'watertight/publish';
import { BackgroundTasks } from 'watertight/tasks';
import { buildAgent } from './agent.mjs';

const [, , url] = process.argv;
const QUESTION = 'the weather in Oslo and 19 plus 23 and tea';

const publisher = url ? createPublisher(url) : new ConsolePublisher({ format: 'text' });
const tasks = new BackgroundTasks({ name: 'assistant' });
const agent = superviseGraph(buildAgent(), { publisher, tasks, store: new InMemoryStore() });
const config = { configurable: { thread_id: 'example', user_id: 'you' } };

for await (const chunk of agent.stream({ question: QUESTION }, config)) {
  const [question] = chunk.__interrupt__ ?? [];
  if (question) console.error(`it asks: ${question.value}`);
}
const { answer } = await agent.invoke(new Command({ resume: 'tea is at five' }), config);
console.error(`it says: ${answer}`);
tasks.spawn('remember', () => console.error('remembered'));

const { status, parts, publishFailures } = await agent.close({ timeoutMs: 5_000 });
for (const { part, status, durationMs } of parts) console.error(`${part}: ${status}, ${durationMs.toFixed(1)} ms`);
console.error(`closed: ${status}, ${publishFailures} events were not published`);
process.exitCode = status === 'completed' && publishFailures === 0 ? 0 : 1;
