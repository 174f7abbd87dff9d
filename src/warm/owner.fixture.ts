// A program with a pool: `<member script> <kind> <close|stay>`. Says who its members are once a session is open.
import { WarmPool } from './index.js';

const [, , script, kind, what] = process.argv;
const pool = new WarmPool({ script: script!, kind: kind as 'worker' | 'process', size: 2, execArgv: [] });
const session = await pool.open();
process.stdout.write(`${JSON.stringify(session.members.map(({ id }) => id))}\n`);
if (what === 'close') await session.close();
