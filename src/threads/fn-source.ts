/** Beginning of a text that is shown when it cannot be used. */
const SHOWN_CHARS = 60;

/**
 * The text of a function, for a thread that reads it as an expression. Nothing is called; only its syntax is checked.
 * @throws TypeError for what has no such text: native and bound functions, methods written short (`run(n) {}`), classes
 */
export function fnSource(fn: unknown): string {
  const source = String(fn);
  if (/^class\b/.test(source)) throw wrongFn('a class cannot be called', source);
  try {
    // As the thread reads it. What is made is never called.
    new Function(`return (${source}\n)`);
  } catch (error) {
    // Anything else says that this process makes no code from text, which is not the function's fault.
    if (error instanceof SyntaxError) throw wrongFn(error.message, source, error);
  }
  return source;
}

function wrongFn(why: string, source: string, cause?: SyntaxError): TypeError {
  const shown = JSON.stringify(source.length > SHOWN_CHARS ? `${source.slice(0, SHOWN_CHARS)}…` : source);
  return new TypeError(
    `new ThreadPool({ fn }): fn must be an arrow function or a function expression, as only its text reaches the thread, ` +
      `not ${shown} (${why}); write (input) => …, or give the module that exports it as file`,
    { cause },
  );
}
