import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { SoakProcess } from './soak-process.js';

const SERVER = `import { createServer } from 'node:http';
const status = Number(process.argv[3] ?? 200);
createServer((request, response) => response.writeHead(status).end('x')).listen(Number(process.argv[2]), '127.0.0.1');
`;

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

const urlOf = (port: number): string => `http://127.0.0.1:${port}/`;

describe('watertight soak --http', () => {
  test('refuses a URL that somebody else answers', async () => {
    const server = createServer((_, response) => response.end('me')).listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const args = ['--http', urlOf(port), '--', 'node', 'server.mjs', String(port)];
    const { code, stderr } = await new SoakProcess({ files: { 'server.mjs': SERVER }, args }).end();
    expect(code).toBe(2);
    expect(stderr).toMatch(/Something answers at .* before the command was started/);
    expect(stderr).toContain('WT_SOAK_URL_TAKEN');
  });

  test('tells that the server ended at once, with its last words', async () => {
    const args = ['--http', urlOf(await freePort()), '--', 'node', 'dies.mjs'];
    const files = { 'dies.mjs': "console.error('no config'); process.exit(4);\n" };
    const { code, stderr } = await new SoakProcess({ files, args }).end();
    expect(code).toBe(2);
    expect(stderr).toMatch(/ended with exit code 4/);
    expect(stderr).toMatch(/no config/);
  });

  test('tells that the server answers 500', async () => {
    const port = await freePort();
    const args = ['--budget', '5s', '--http', urlOf(port), '--', 'node', 'server.mjs', String(port), '500'];
    const { code, stderr } = await new SoakProcess({ files: { 'server.mjs': SERVER }, args }).end();
    expect(code).toBe(2);
    expect(stderr).toMatch(/Most requests to .* fail: \d+ × 500/);
    expect(stderr).toMatch(/answers with 2xx/);
  });

  test('ends under load by SIGINT with exit code 3', async () => {
    const port = await freePort();
    const args = ['--budget', '30s', '--json', 'result.json', '--http', urlOf(port), '--'];
    const run = new SoakProcess({
      files: { 'server.mjs': SERVER },
      args: [...args, 'node', 'server.mjs', String(port)],
    });
    await run.until(/watching/);
    const began = performance.now();
    run.child.kill('SIGINT');
    const { code } = await run.end(['result.json']);
    expect(code).toBe(3);
    expect(performance.now() - began).toBeLessThan(6_000);
  });

  test('tells that the server was killed under load', async () => {
    const port = await freePort();
    const args = ['--budget', '30s', '--http', urlOf(port), '--', 'node', 'server.mjs', String(port)];
    const run = new SoakProcess({ files: { 'server.mjs': SERVER }, args });
    await run.until(/watching/);
    process.kill(run.processes().find(({ command }) => command.startsWith('node server.mjs'))!.pid, 'SIGKILL');
    const { code, stderr } = await run.end();
    expect(code).toBe(2);
    expect(stderr).toMatch(/was killed by SIGKILL/);
  });

  test('finds the leak of a child process behind the server', async () => {
    const port = await freePort();
    const files = {
      'server.mjs': `import { fork } from 'node:child_process';
        import { createServer } from 'node:http';
        import { fileURLToPath } from 'node:url';
        const child = fork(fileURLToPath(new URL('./store.mjs', import.meta.url)));
        const waiting = [];
        child.on('message', () => waiting.shift().end('kept'));
        createServer((request, response) => { waiting.push(response); child.send(request.url); })
          .listen(Number(process.argv[2]), '127.0.0.1');\n`,
      'store.mjs': `const kept = [];
        class Visit { constructor(url) { this.url = url; this.tags = ['a', url]; } }
        process.on('message', (url) => { kept.push(new Visit(url)); process.send('ok'); });\n`,
    };
    const args = ['--budget', '90s', '--json', 'result.json', '--http', urlOf(port), '--'];
    const run = new SoakProcess({ files, args: [...args, 'node', 'server.mjs', String(port)] });
    const { code } = await run.end(['result.json']);
    expect(run.json().leaks[0]?.className).toBe('Visit');
    expect(code).toBe(1);
  });
});

describe('watertight soak -- <command>', () => {
  test('tells that the program was over before it could be judged', async () => {
    const files = { 'short.mjs': "setTimeout(() => console.log('all done'), 2_000);\n" };
    const run = new SoakProcess({ files, args: ['--budget', '10s', '--', 'node', 'short.mjs'] });
    const { code, stderr } = await run.end();
    expect(code).toBe(2);
    expect(stderr).toMatch(/The program ended with exit code 0 while it was observed/);
    expect(stderr).toMatch(/all done/);
    expect(stderr).toMatch(/a soak needs a program that keeps running/);
  });
});
