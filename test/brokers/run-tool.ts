import type { Broker } from './broker.js';

/** Far more than a test stores. */
const OUTPUT_BYTES = 2 ** 28;
const TOOL_MS = 60_000;

export interface ToolOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string;
}

/** Runs a tool of a broker to its end, under that broker. @returns what it printed @throws when it fails, with what it said */
export async function runTool(
  broker: Broker,
  command: string,
  args: string[],
  options: ToolOptions = {},
): Promise<string> {
  const tool = broker.children.start(command, args, { ...options, outputBytes: OUTPUT_BYTES, timeoutMs: TOOL_MS });
  const { code, signal, stdout, stderr } = await tool.ended;
  if (code === 0 && stdout.droppedBytes === 0) return stdout.text;
  throw new Error(
    `${command} ${args.join(' ')} ended with ${signal ?? code}: ${stdout.text.slice(-1_000)}${stderr.text}`,
  );
}

export interface FollowedTool {
  /** By itself, by `stop()`, or with its broker; every line was read. */
  readonly ended: Promise<void>;
  readonly stop: () => Promise<void>;
}

/** A tool that prints a line for each message, until `stop`. The tool waits when `onLine` is slower. */
export function followTool(
  broker: Broker,
  command: string,
  args: string[],
  onLine: (line: string) => void,
  options: ToolOptions = {},
): FollowedTool {
  const tool = broker.children.start(command, args, { ...options, outputBytes: 2 ** 16 });
  const lines = tool.lines('stdout', { overflow: 'pause', lineChars: 2 ** 24 });
  const read = (async () => {
    for await (const line of lines) onLine(line);
  })();
  const ended = Promise.all([tool.ended, read]).then(() => {});
  return {
    ended,
    stop: () => {
      void tool.end({ graceMs: 0 });
      return ended;
    },
  };
}
