/*
 * First module of every thread of a pool. It loads the functions, offers one method to workerpool, and ends the thread
 * in order: thread-local values are disposed of before it leaves.
 */
import { getHeapStatistics } from 'node:v8';
import { receiveMessageOnPort, workerData } from 'node:worker_threads';
import { Transfer, worker } from 'workerpool';
import { describeThrown } from '../core/index.js';
import { TaskContext } from './task-context.js';
import { disposeThreadLocals } from './thread-local.js';
import { type AbortMessage, HEAP_BYTES, RUN_METHOD, type TaskAnswer, type ThreadStart } from './thread-protocol.js';

type Task = (input: unknown, context: TaskContext) => unknown;

const { name, file, source, data, watchesHeap, shared, control, inputs } = (workerData as ThreadStart).watertight;
const heapBytes = new Float64Array(shared);
const tasks = await load();
let running: TaskContext | null = null;

control.on('message', ({ abort, reason }: AbortMessage) => running?.abort(abort, reason));
control.unref();
inputs.unref();
worker({ [RUN_METHOD]: run }, { onTerminate: () => disposeThreadLocals() as never });

async function load(): Promise<Readonly<Record<string, unknown>>> {
  if (file !== undefined) return import(file);
  return { default: new Function(`return (${source}\n)`)() };
}

async function run(number: number, task: string): Promise<TaskAnswer | InstanceType<typeof Transfer>> {
  const context = new TaskContext(name, data, number, shared);
  running = context;
  try {
    const input = (receiveMessageOnPort(inputs) as { message: { input: unknown } }).message.input;
    const value = await taskNamed(task)(input, context);
    if (!(value instanceof Transfer)) return { value };
    const { message, transfer } = value as unknown as { message: object; transfer: object[] };
    return new Transfer({ value: message }, transfer);
  } catch (thrown) {
    return { thrown: describeThrown(thrown) };
  } finally {
    running = null;
    if (watchesHeap) heapBytes[HEAP_BYTES] = getHeapStatistics().used_heap_size;
  }
}

function taskNamed(task: string): Task {
  const found = Object.hasOwn(tasks, task) || task === 'default' ? tasks[task] : undefined;
  if (typeof found === 'function') return found as Task;
  const names = Object.keys(tasks).filter((key) => typeof tasks[key] === 'function');
  throw new TypeError(`task must be a function that ${file ?? 'fn'} exports (${names.join(', ')}), not ${task}`);
}
