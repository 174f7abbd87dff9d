import { Session } from 'node:inspector';

type Result = Record<string, unknown>;

/**
 * A synchronous view of this isolate's own inspector. `node:inspector` calls back before `post` returns for every
 * domain used here. A connected session makes V8 keep the arguments of console calls alive (up to 1,000 messages),
 * so `forgetConsole` must run before each forced collection.
 */
export class InspectorSession {
  readonly #session = new Session();

  constructor() {
    this.#session.connect();
  }

  post(method: string, params: Record<string, unknown> = {}): Result {
    let failure: Error | null = null;
    let answer: Result = {};
    this.#session.post(method, params, (error, result) => {
      failure = error;
      answer = (result ?? {}) as Result;
    });
    if (failure) throw failure;
    return answer;
  }

  forgetConsole(): void {
    this.post('Runtime.discardConsoleEntries');
  }

  /** The inspector's handle of the value of an expression. */
  evaluate(expression: string): string {
    const { result } = this.post('Runtime.evaluate', { expression, objectGroup: GROUP }) as {
      result: { objectId?: string };
    };
    if (!result.objectId) throw new Error(`${expression} is not an object`);
    return result.objectId;
  }

  /** Calls a function with the object behind a handle as `this`. */
  callOn(objectId: string, functionDeclaration: string): unknown {
    const answer = this.post('Runtime.callFunctionOn', {
      objectId,
      functionDeclaration,
      returnByValue: true,
      objectGroup: GROUP,
    }) as { result: { value?: unknown } };
    return answer.result.value;
  }

  /** Lets go of every object that a handle of this session keeps alive. */
  releaseHandles(): void {
    this.post('Runtime.releaseObjectGroup', { objectGroup: GROUP });
  }

  close(): void {
    this.#session.disconnect();
  }
}

const GROUP = 'watertight';
