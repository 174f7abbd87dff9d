// Writes docs/errors.md from the code: every WT_* code with its message and hint. `--check` writes nothing and fails
// when the page is old, when a code has no meaning below, or when a meaning has lost its code. Cost: ≈ 1 s.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What each code means, in a sentence: messages name the one thing at hand. */
const MEANINGS = {
  WT_BLOCKS_AGENT_HELD: 'The agent belongs to another participant, or waits to be adopted.',
  WT_BLOCKS_CLOSED: 'The pool of blocks, or the index of prefixes, has been closed.',
  WT_BLOCKS_DOUBLE_FREE: 'A handle was freed before, or is named twice. Nothing was changed.',
  WT_BLOCKS_DRAINING: 'The pool waits until nothing is held, to be reconfigured.',
  WT_BLOCKS_EXHAUSTED: 'Fewer blocks are free than were asked for, also after what the dead held came back.',
  WT_BLOCKS_FOREIGN_HANDLE: "A handle is another agent's. Nothing was changed.",
  WT_BLOCKS_HELD: 'The pool cannot be reconfigured while blocks are held.',
  WT_BLOCKS_LAYOUT: 'The segment is no pool of blocks, or one of another version or size.',
  WT_BLOCKS_LOCK_TIMEOUT: 'The lock was not free in time: its holder lives and does not go on; the error names it.',
  WT_BLOCKS_NO_DATA: 'The pool was made without bytes.',
  WT_BLOCKS_STALE_HANDLE: 'The block of a handle was freed since, or the pool reconfigured. Nothing was changed.',
  WT_BLOCKS_TOO_MANY_AGENTS: 'As many agents hold blocks as the pool has room for.',
  WT_BLOCKS_TOO_MANY_PARTICIPANTS: 'As many pools are attached as there is room for.',
  WT_BLOCKS_TOO_MANY_SHARES: 'There is no room for more references beside the first one of each block.',
  WT_BLOCKS_UNKNOWN_AGENT: 'No agent has that name.',
  WT_BLOCKS_WINDOW: 'The agent has as many blocks in a layer as its window allows.',
  WT_BOUNDED_CLOSED: 'The ring, queue, semaphore or cache has been closed.',
  WT_BOUNDED_FULL: 'A queue, or the line before a semaphore, is at its limit and refuses.',
  WT_BOUNDED_PERMIT_FORGOTTEN: 'A permit was collected without having been released; it was given back. A warning.',
  WT_BOUNDED_RELEASE_FAILED: 'Closing a cache, some of its values could not be disposed of.',
  WT_BOUNDED_RELEASING: 'Too many values that left a cache are still being disposed of.',
  WT_BOUNDED_TOO_LARGE: 'One value is larger than the whole limit.',
  WT_CHILDREN_CANNOT_REAP: 'Zombies that the process has inherited cannot be reaped from here.',
  WT_CHILDREN_CLOSED: 'The owner of the children is closing and starts no more.',
  WT_CHILDREN_LIMIT: 'As many children run as may.',
  WT_CHILDREN_START: 'The system cannot start a command; details.code says why.',
  WT_CHILDREN_STUCK: 'Closing ended in its time with processes that do not end though they were killed.',
  WT_CLI_CANNOT_WRITE: 'A report has no place. Checked before the soak starts, and again when the report is written.',
  WT_CLI_USAGE: 'An unknown option, a value out of its range, or nothing to soak.',
  WT_CONNECTIONS_ATTACHED: 'The socket belongs to a connection already.',
  WT_CONNECTIONS_CLOSED: 'The registry is closing and takes no more.',
  WT_CONNECTIONS_FOREIGN:
    "A connection was asked for by the wrong user's name, or is not of this registry. Counted as a violation.",
  WT_CONNECTIONS_HANDLER_TIMEOUT: 'A message handler took longer than its time.',
  WT_CONNECTIONS_MESSAGE_TOO_LARGE: 'A message is larger than the registry sends.',
  WT_CONNECTIONS_RELEASE_STUCK: 'A connection has ended, and something that it owned has not been released in time.',
  WT_CONNECTIONS_TOO_MANY_WAITERS: 'Too many wait for a connection of one user.',
  WT_CONNECTIONS_WAIT_TIMEOUT: 'No connection of the user came in time.',
  WT_HEAP_CANNOT_OPEN: 'There is no such file, or it may not be read.',
  WT_HEAP_CORRUPT: 'The snapshot contradicts itself.',
  WT_HEAP_LOW_MEMORY: 'V8 would need more memory for the snapshot than is free.',
  WT_HEAP_NOT_ANSWERING: 'The process did not answer in time: its loop is blocked, or it is stopped.',
  WT_HEAP_NOT_A_SNAPSHOT: 'The file is no V8 heap snapshot.',
  WT_HEAP_NOT_NODE: 'The process does not run Node.js.',
  WT_HEAP_NO_INSPECTOR: 'No inspector of the process could be reached.',
  WT_HEAP_NO_PROCESS: 'There is no process of that number that we may see.',
  WT_HEAP_OTHER_IDS: 'Ids of the snapshots mean different objects: two processes, or two inspector sessions.',
  WT_HEAP_REFUSED: 'The inspector of the process refused a command.',
  WT_HEAP_STOPPED: 'The taking of a snapshot was stopped; nothing was kept.',
  WT_HEAP_TARGET_GONE: 'The process ended while its snapshot was taken.',
  WT_HEAP_TOO_LARGE: 'Memory for the snapshot is not to be had.',
  WT_HEAP_TRUNCATED: 'The snapshot ends before its own header says.',
  WT_HEAP_UNKNOWN_CLASS: 'No object in the snapshot has that class.',
  WT_HEAP_UNKNOWN_NODE: 'No object in the snapshot has that id.',
  WT_LEASES_FOLDER: 'The folder of leases, or the one for temporary files, is full, read-only, missing or not ours.',
  WT_LEASES_FOREIGN: 'What stands at the path of a lock is another user’s, or no file.',
  WT_LEASES_LOCKED: 'Another process holds the lock.',
  WT_LEASES_SOCKET_BUSY: 'The path of a unix socket is in use: by a program that listens, or by something else.',
  WT_MONITOR_RECORDING: 'Two recorders of creation stacks in one isolate.',
  WT_NATIVE_CHOICE: '`WATERTIGHT_NATIVE` names nobody who makes native calls.',
  WT_NATIVE_UNAVAILABLE:
    'A call of the operating system is needed and cannot be made: no koffi, no node:ffi, or not Linux.',
  WT_POOL_CLOSED: 'The pool has been closed.',
  WT_POOL_CREATE_FAILED: '`create` failed; the cause is its error.',
  WT_POOL_FAILED: 'A `create`, `validate` or `destroy` failed and nobody waits for it. A warning.',
  WT_POOL_FOREIGN: 'What is released is no loan of this pool.',
  WT_POOL_FULL: 'All resources are lent, and as many wait as may.',
  WT_POOL_OVERDUE: 'A loan lasts longer than `leaseTimeoutMs`. A warning; a second one tells when it comes back.',
  WT_POOL_RELEASED: 'The loan was given back before.',
  WT_POOL_STEP_TIMEOUT: 'A `create`, `validate` or `destroy` took longer than `stepTimeoutMs`.',
  WT_POOL_STUCK: 'Closing the pool ended in its time with loans that were not given back.',
  WT_POOL_TIMEOUT: 'No resource came free in time; the error names who holds them.',
  WT_PUBLISH_BUFFER_FULL: 'As many events or bytes as the buffer may hold wait already. Not sent.',
  WT_PUBLISH_CLOSED: 'The publisher has been closed, and stays so.',
  WT_PUBLISH_CONNECT_AUTH: 'The broker refuses user or password.',
  WT_PUBLISH_CONNECT_PROTOCOL: 'What answers is no broker of this kind.',
  WT_PUBLISH_CONNECT_REFUSED: 'Nobody listens there, there is no such host, or the connection was cut at once.',
  WT_PUBLISH_CONNECT_TIMEOUT: 'No answer within the time to connect.',
  WT_PUBLISH_CONNECT_TLS: 'One side speaks TLS and the other does not, or a certificate is refused.',
  WT_PUBLISH_CONNECT_URL: 'The URL of a broker cannot be read, or is for another kind.',
  WT_PUBLISH_DROPPED: 'The event was dropped as the overflow policy says.',
  WT_PUBLISH_FLUSH_TIMEOUT: 'Not everything was confirmed in the time of `flush()`. It goes on.',
  WT_PUBLISH_GRAPH_BUSY: 'A supervised graph has as many runs as it may.',
  WT_PUBLISH_GRAPH_CLOSED: 'A supervised graph has been closed, or is closing.',
  WT_PUBLISH_INVALID_EVENT: 'A field of the event is missing, unknown or wrong.',
  WT_PUBLISH_LISTENER_FAILED: '`onFailure` has thrown. A warning.',
  WT_PUBLISH_NOT_ENCODABLE: 'The event holds what no reader would find again: a circle, a BigInt, a function, NaN.',
  WT_PUBLISH_NOT_SENT: 'The event was not published; the broker does not have it.',
  WT_PUBLISH_NO_CLIENT: "The package that speaks the broker's protocol is not installed.",
  WT_PUBLISH_NO_DESTINATION: 'The broker has no such stream, topic or exchange.',
  WT_PUBLISH_OUTBOX_BUSY: 'Another publisher, of this process or another, has the folder of the outbox.',
  WT_PUBLISH_OUTBOX_FAILED:
    'The disk of the outbox does not do what it is told. What was accepted before is kept; details.outcome says what became of this event.',
  WT_PUBLISH_OUTBOX_FULL: 'There is no room for an event: in the outbox, or on its disk.',
  WT_PUBLISH_PARTIAL: 'Some of the required children of a composite did not take an event, or cannot flush or connect.',
  WT_PUBLISH_POOL_FULL: 'The pool has as many connections as it may.',
  WT_PUBLISH_REFUSED: 'The broker answered, and does not take the event.',
  WT_PUBLISH_RUN_STOPPED: 'A run of a supervised graph was stopped or interrupted; details.by says by whom.',
  WT_PUBLISH_TOO_LARGE: 'The encoded event is larger than `maxEventBytes`.',
  WT_PUBLISH_UNKNOWN: 'The broker did not confirm the event: it may have it.',
  WT_SCOPE_CLOSED: 'Something was acquired after its scope had begun to close; it was released at once.',
  WT_SCOPE_CONNECTIONS_CUT: 'Connections of a server did not end while it drained.',
  WT_SCOPE_DRAIN_TIMEOUT:
    'Work in flight did not end in the time for draining; its resource was released all the same.',
  WT_SCOPE_FORGOTTEN: 'A scope was collected that held resources and had never been closed. A warning.',
  WT_SCOPE_LATE_FAILURE: 'A release failed after closing had given up on it, too late for the report. A warning.',
  WT_SCOPE_NOT_HELD: 'What is to be released is not in this scope: released before, or never acquired here.',
  WT_SCOPE_RELEASE_TIMEOUT: 'A release before the end of the scope took longer than its time; it may still end.',
  WT_SCOPE_PROCESS_KILLED:
    'A child process did not end on SIGTERM in its time, and was killed; in the report of closing.',
  WT_SCOPE_REQUESTS_CUT: 'Requests were in flight when a server had to be closed, and got no answer.',
  WT_SCOPE_ROLLBACK_FAILED:
    'Work failed, and so did the release of something that it had acquired. `cause` is the first.',
  WT_SCOPE_STUCK: 'Releases did not end in their time; the resources are still held.',
  WT_SHM_AMBIGUOUS: 'Several live segments have the name.',
  WT_SHM_CHANGED: 'The file of a segment was truncated, or belongs to another user.',
  WT_SHM_CLOSED: 'The segment is closed.',
  WT_SHM_FULL: 'There is no room for the segment in memory or in its folder.',
  WT_SHM_GONE: 'The last holder of the segment closed it or ended, or another file has taken its place.',
  WT_SHM_LOCAL:
    'The segment reaches the threads of one process only, as native calls cannot be made there. Also a warning.',
  WT_SHM_SYSTEM: 'The system refused to make, open or map a segment.',
  WT_SOAK_AGENT_FAILED: 'The observer inside the program could not carry out a command.',
  WT_SOAK_CANNOT_START: 'The command after `--` is not there or may not be run.',
  WT_SOAK_EXIT_CALLED: 'The scenario ended its own process.',
  WT_SOAK_FAILED: 'Something unforeseen; please report it with its stack.',
  WT_SOAK_INTERRUPTED: 'Ctrl-C or SIGTERM. Never shown as an error: it ends the soak with what was seen until then.',
  WT_SOAK_ITERATION_HANGS: 'An iteration is stuck: its promise never settles, or its loop never ends.',
  WT_SOAK_NO_ANSWER: 'The event loop of the program was blocked for too long.',
  WT_SOAK_NO_DEFAULT_EXPORT: 'The scenario module exports no function as default.',
  WT_SOAK_NO_NODE: 'The command started, but no Node.js process of it loaded the observer.',
  WT_SOAK_NO_SCENARIO: 'The scenario file is missing, a folder, or neither JavaScript nor TypeScript.',
  WT_SOAK_NO_SERVER: 'The URL of `--http` did not answer after the command had started.',
  WT_SOAK_OUT_OF_MEMORY: 'The program hit its heap limit. The gauges until then are in the report.',
  WT_SOAK_REQUESTS_FAIL: 'More than half of the requests failed, so the load says nothing about normal work.',
  WT_SOAK_SCENARIO_LOAD: 'The scenario module could not be imported: a syntax error, a missing package.',
  WT_SOAK_SCENARIO_THREW: 'setup(), an iteration or teardown() threw, or an error was left unhandled.',
  WT_SOAK_TARGET_ENDED: 'The program ended or was killed while it was watched. Its last output follows.',
  WT_SOAK_TARGET_GONE: 'The connection to the program broke; what ended it is told by another code in its place.',
  WT_SOAK_URL_TAKEN: 'Something else answers at the URL of `--http` already.',
  WT_STARTUP_CANCELLED: 'The scope of the start-up closed before it was over.',
  WT_STARTUP_COUNT_TOO_LOW: 'A step found less than it expects.',
  WT_STARTUP_FAILED: 'A blocking step did not complete; all was rolled back.',
  WT_STARTUP_SKIP_REFUSED: 'Skipping failed steps is refused in production.',
  WT_STARTUP_STEP_TIMEOUT: 'A step did not end within its own limit or one above it.',
  WT_STARTUP_UNKNOWN_POLICY: '`WATERTIGHT_STARTUP` has a value that is no policy.',
  WT_TASKS_ABANDONED: 'A supervised task failed too often in a row.',
  WT_TASKS_CANCELLED: 'The task was cancelled, or never started.',
  WT_TASKS_CLOSED: 'The manager has been closed.',
  WT_TASKS_DROPPED: 'A queued task made room for another one.',
  WT_TASKS_FAILED: 'A task failed and nobody waits for it. A warning.',
  WT_TASKS_FULL: 'The queue is at its limit and refuses.',
  WT_TASKS_STUCK: 'Closing ended in its time with tasks that ignore their signal.',
  WT_TASKS_TIMEOUT: 'The task took longer than its `timeoutMs`.',
  WT_THREADS_CANNOT_START: 'A worker thread did not come up.',
  WT_THREADS_CLOSED: 'The pool has been closed.',
  WT_THREADS_CRASHED: 'A worker thread ended in the middle of a task.',
  WT_THREADS_ENDED: 'The worker has ended and cannot be registered.',
  WT_THREADS_END_TIMEOUT: 'The end hook of a thread took too long; it was terminated.',
  WT_THREADS_LOCALS_DISPOSING: 'The thread is ending: no thread-local value is made any more.',
  WT_THREADS_LOCK_CLOSED: 'The exclusive object has been closed.',
  WT_THREADS_LOCK_TIMEOUT: 'The exclusive object was not free in time; the error names who holds it.',
  WT_THREADS_NOT_CLONEABLE: 'Input or result cannot be sent between threads.',
  WT_THREADS_QUEUE_FULL: 'The queue of the pool is at its limit.',
  WT_THREADS_REGISTRY_CLOSED: 'The registry has been closed.',
  WT_THREADS_TASK_TIMEOUT: 'The task took longer than its time.',
  WT_THREADS_UNRESPONSIVE: 'A thread runs native code, which nothing can stop from outside.',
  WT_THREADS_WOULD_DEADLOCK: 'An exclusive object was called from inside its own call.',
  WT_WARM_BEGIN_FAILED:
    "A member's function threw while a session was opened, or a segment could not be opened there; all have ended it.",
  WT_WARM_BUSY: 'So many members did not come free, or could not be started, in the time for opening a session.',
  WT_WARM_CANNOT_START: 'A member ended, or did not call `serveSessions`, before it was warm.',
  WT_WARM_CLOSED: 'The warm pool is being stopped, or has been.',
  WT_WARM_FULL: 'Too many wait for members of a warm pool.',
  WT_WARM_MEMBER_ENDED:
    'A member ended in a session: it exited, crashed or was killed. Another takes its place in the pool.',
  WT_WARM_NO_POOL: '`serveSessions` was called in a program that no warm pool has started.',
  WT_WARM_OPEN_TIMEOUT: 'Members did not begin a session in time; all have ended it.',
  WT_WARM_SERVING: '`serveSessions` was called twice in one member.',
  WT_WARM_SESSION_CLOSED: 'Something was sent to a session after its end had begun.',
  WT_WARM_STUCK: 'A warm pool was stopped by its owner, and members that run native code are still there.',
  WT_WEAK_COLLECTED: 'The object behind a back-reference is gone.',
  WT_WEAK_RETAINED: 'What should have been collected is still held. A warning.',
};

/** What one condition says about another: a module that was loaded is not missing its export. */
const IMPLIED = new Map([['hasNoDefault', "phase === 'load'"]]);

const CODE = /^WT_[A-Z]+_[A-Z_]+$/;

function sourceFiles(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .flatMap((entry) => {
      const path = `${folder}/${entry.name}`;
      return entry.isDirectory() ? sourceFiles(path) : /(?<!\.test|\.fixture)\.ts$/.test(path) ? [path] : [];
    })
    .sort();
}

/**
 * What an expression may read as: literals as they are, constants and functions of the file by what they stand for,
 * everything else as its name in ‹ ›. `given` has the arguments of a call that makes an error by another function.
 * `facts` says which way conditions went for this error's code, so that its message and hint go the same way; a
 * condition that is not in it goes both ways.
 */
function texts(expression, given, facts = new Map()) {
  if (ts.isStringLiteralLike(expression)) return [expression.text];
  if (ts.isConditionalExpression(expression)) {
    const { whenTrue, whenFalse } = expression;
    const way = facts.get(expression.condition.getText());
    const branches = way === undefined ? [whenTrue, whenFalse] : way ? [whenTrue] : [whenFalse];
    return branches.flatMap((branch) => texts(branch, given, facts));
  }
  if (ts.isTemplateExpression(expression)) {
    return expression.templateSpans.reduce(
      (heads, span) =>
        heads.flatMap((head) => texts(span.expression, given, facts).map((text) => head + text + span.literal.text)),
      [expression.head.text],
    );
  }
  if (ts.isCallExpression(expression) && ts.isIdentifier(expression.expression)) {
    const returns = returnsOf(declarationOf(expression.expression, given), facts);
    const said = returns.flatMap((value) => texts(value, new Map(), facts));
    const isTelling = said.some((text) => !/^‹\w+›$/.test(text));
    if (isTelling) return said;
    if (expression.arguments[0]) return texts(expression.arguments[0], given, facts);
  }
  const known = ts.isIdentifier(expression) ? declarationOf(expression, given) : null;
  if (known && /Literal|Template|Conditional/.test(ts.SyntaxKind[known.kind])) return texts(known, given, facts);
  return [constantOf(expression, given) ?? `‹${nameOf(expression)}›`];
}

/** What a name stands for where it is used: an argument, a constant's value, a function; null for anything else. */
function declarationOf(name, given) {
  const isNamed = (node) => node.name && ts.isIdentifier(node.name) && node.name.text === name.text;
  for (let scope = name.parent; scope; scope = scope.parent) {
    if (
      ts.isFunctionLike(scope) &&
      scope.parameters.some((one) => one.name.getText().match(/\w+/g).includes(name.text))
    ) {
      return given.get(name.text) ?? null;
    }
    if (!ts.isBlock(scope) && !ts.isSourceFile(scope)) continue;
    for (const statement of scope.statements) {
      if (ts.isFunctionDeclaration(statement) && isNamed(statement)) return statement;
      if (!ts.isVariableStatement(statement)) continue;
      const found = statement.declarationList.declarations.find(isNamed);
      if (found) return found.initializer ?? null;
    }
  }
  return null;
}

/** Values that a function returns where these facts hold. */
function returnsOf(maker, facts) {
  if (!maker || !ts.isFunctionLike(maker) || !maker.body) return [];
  if (!ts.isBlock(maker.body)) return [maker.body];
  const found = [];
  const visit = (node) => {
    if (ts.isReturnStatement(node) && node.expression) found.push(node);
    else if (!ts.isFunctionLike(node)) ts.forEachChild(node, visit);
  };
  visit(maker.body);
  const wayOf = (node) => {
    const condition = ts.findAncestor(node, ts.isIfStatement)?.expression.getText();
    return condition === undefined ? undefined : facts.get(condition);
  };
  const certain = found.filter((node) => wayOf(node) === true);
  const possible = found.filter((node) => wayOf(node) !== false);
  return (certain.length > 0 ? certain : possible).map(({ expression }) => expression);
}

/** The codes that an expression may be, each with the ways that its conditions went. */
function codesOf(expression, facts = new Map()) {
  if (ts.isConditionalExpression(expression)) {
    const test = expression.condition.getText();
    return [true, false].flatMap((way) =>
      codesOf(way ? expression.whenTrue : expression.whenFalse, withFact(facts, test, way)),
    );
  }
  if (ts.isTemplateExpression(expression) && ts.isConditionalExpression(expression.templateSpans[0].expression)) {
    const [{ expression: choice, literal }] = expression.templateSpans;
    const { text: head } = expression.head;
    return codesOf(choice, facts).map((found) => ({ ...found, code: head + found.code + literal.text }));
  }
  if (ts.isStringLiteralLike(expression)) return [{ code: expression.text, facts }];
  return codesInWords(expression, facts).map((code) => ({ code, facts }));
}

function withFact(facts, test, way) {
  const implied = IMPLIED.get(test);
  return new Map([...facts, [test, way], ...(implied && way ? [[implied, true]] : [])]);
}

/** `isThis ? problem.code : …` where isThis is `problem.code === 'WT_…'`; or a parameter whose type lists its codes. */
function codesInWords(expression, facts) {
  for (const [test, way] of facts) {
    const condition = declarationOf({ text: test, parent: expression.parent }, new Map())?.getText() ?? test;
    if (way && condition.startsWith(`${expression.getText()} === '`)) return [condition.split("'")[1]];
  }
  return (
    expression
      .getSourceFile()
      .text.match(/^export type \w+Code = (.+)$/m)?.[1]
      .match(/WT_[A-Z_]+/g) ?? []
  );
}

/** Numbers that the file declares, and quotients of them. */
function constantOf(expression, given) {
  if (ts.isNumericLiteral(expression)) return Number(expression.text.replaceAll('_', ''));
  if (ts.isIdentifier(expression)) {
    const value = declarationOf(expression, given);
    return value && ts.isNumericLiteral(value) ? constantOf(value, given) : null;
  }
  if (ts.isBinaryExpression(expression) && expression.operatorToken.kind === ts.SyntaxKind.SlashToken) {
    const [a, b] = [expression.left, expression.right].map((side) => constantOf(side, given));
    return a === null || b === null ? null : a / b;
  }
  return null;
}

/** The last speaking word: `target.exit.code` → code, `error instanceof Error ? …` → reason. */
function nameOf(expression) {
  const text = expression.getText();
  if (/\berror\b/.test(text)) return 'reason';
  const words = text.match(/[A-Za-z]\w*/g)?.filter((word) => !/^(Math|round|this|String|name|Ms)$/.test(word)) ?? [];
  return (words.at(-1) ?? text.split('.').at(-1)).replace(/Ms$/, '');
}

function isErrorMade(node) {
  if (ts.isNewExpression(node)) return node.expression.getText() === 'WatertightError';
  if (!ts.isCallExpression(node) || node.expression.kind !== ts.SyntaxKind.SuperKeyword) return false;
  const owner = ts.findAncestor(node, ts.isClassLike);
  return owner?.heritageClauses?.some((clause) => clause.types[0]?.getText() === 'WatertightError') ?? false;
}

function hintOf(options) {
  if (!options || !ts.isObjectLiteralExpression(options)) return null;
  const hint = options.properties.find((property) => property.name?.getText() === 'hint');
  if (!hint) return null;
  return ts.isShorthandPropertyAssignment(hint) ? hint.name : (hint.initializer ?? null);
}

/** The function around an error and its parameters, where others call it to make theirs: `usage(message, hint)`. */
function makerOf(node) {
  const maker = ts.findAncestor(node, ts.isFunctionLike);
  const name = maker?.name ?? (maker && ts.isVariableDeclaration(maker.parent) ? maker.parent.name : null);
  return name ? { name: name.getText(), parameters: maker.parameters.map((one) => one.name.getText()) } : null;
}

/** Every code in src, with its messages, its hints and the rooms that raise it. */
function collect() {
  const codes = new Map();
  const entry = (code) => {
    if (!codes.has(code)) codes.set(code, { messages: new Set(), hints: new Set() });
    return codes.get(code);
  };
  const files = sourceFiles('src').map((path) => {
    const text = readFileSync(join(root, path), 'utf8');
    return ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  });
  const makers = [];
  const add = ([code, message, options], given) => {
    const hint = hintOf(options);
    for (const found of codesOf(code)) {
      for (const text of texts(message, given, found.facts)) entry(found.code).messages.add(text);
      if (hint) for (const text of texts(hint, given, found.facts)) entry(found.code).hints.add(text);
    }
  };
  const each = (file, visit) => {
    const walk = (node) => {
      visit(node);
      ts.forEachChild(node, walk);
    };
    walk(file);
  };
  for (const file of files) {
    each(file, (node) => {
      if (ts.isStringLiteralLike(node) && CODE.test(node.text)) entry(node.text);
      if (ts.isPropertyAssignment(node) && CODE.test(node.name.getText()) && ts.isStringLiteralLike(node.initializer)) {
        entry(node.name.getText()).hints.add(node.initializer.text);
      }
      if (!isErrorMade(node) || !(node.arguments?.length >= 2)) return;
      add(node.arguments, new Map());
      const maker = makerOf(node);
      if (maker && ts.isStringLiteralLike(node.arguments[0])) makers.push({ ...maker, made: node.arguments });
    });
  }
  for (const file of files) {
    each(file, (node) => {
      if (!ts.isCallExpression(node)) return;
      const maker = makers.find(({ name }) => name === node.expression.getText());
      if (!maker) return;
      const given = maker.parameters.map((name, i) => [name, node.arguments[i]]).filter(([, value]) => value);
      if (given.some(([, value]) => ts.isStringLiteralLike(value) || ts.isTemplateExpression(value))) {
        add(maker.made, new Map(given));
      }
    });
  }
  return new Map([...codes].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function page(codes) {
  // A text that is all ‹message› is told by the calls that give it.
  const isTelling = (text) => !/^‹\w+›$/.test(text) && !/‹(why|hint|where)›/.test(text);
  const list = (title, set, mark) => {
    const items = [...set].filter(isTelling).map((text) => (mark ? text : text.replaceAll('<', '\\<')));
    if (items.length === 0) return [];
    if (items.length === 1) return ['', `${title}: ${mark}${items[0]}${mark}`];
    return ['', `${title}:`, '', ...items.map((text) => `- ${mark}${text}${mark}`)];
  };
  const sections = [...codes].flatMap(([code, { messages, hints }]) => [
    '',
    `## ${code}`,
    '',
    MEANINGS[code],
    ...list('Says', messages, '`'),
    ...list('Next', hints, ''),
  ]);
  return `# Error codes

Made from the code by \`node scripts/errors-table.mjs\`. A \`WatertightError\` has a \`code\` that stays, a \`hint\` (what to do
next), \`details\` and, where there is one, a \`cause\`. The command line prints message, hint and code, and exits with 2
unless the report says leak (1). ‹ › stand for names and numbers of the case.
${sections.join('\n')}
`;
}

/** What is wrong with the meanings above; empty when every code has one and every one has a code. */
function gaps(codes) {
  const missing = [...codes.keys()].filter((code) => !MEANINGS[code]).map((code) => `${code} has no meaning`);
  const stale = Object.keys(MEANINGS).filter((code) => !codes.has(code));
  return [...missing, ...stale.map((code) => `${code} is not in src any more`)];
}

const codes = collect();
const target = join(root, 'docs', 'errors.md');
const problems = gaps(codes);
if (problems.length > 0) {
  console.error(`Cannot write docs/errors.md, correct MEANINGS in scripts/errors-table.mjs:\n${problems.join('\n')}`);
  process.exitCode = 1;
} else if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== page(codes)) {
    console.error('docs/errors.md is old: run node scripts/errors-table.mjs');
    process.exitCode = 1;
  }
} else writeFileSync(target, page(codes));
