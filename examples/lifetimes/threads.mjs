/** Reports that are made in threads of their own. The pool keeps two, and ends them. */
import { ThreadPool } from 'watertight/threads';

let threads;

export function setup(scope) {
  threads = new ThreadPool({
    name: 'reports',
    fn: (rows) => rows.reduce((sum, row) => sum + row, 0),
    size: 2,
    recycleAfter: { tasks: 200 },
    scope,
  });
}

export default async function report(n) {
  const sum = await threads.run([n, n + 1, n + 2]);
  if (sum !== 3 * n + 3) throw new Error(`wrong sum ${sum}`);
}
