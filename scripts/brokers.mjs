// node scripts/brokers.mjs: sees to it that the brokers of the tests (Redis, NATS, RabbitMQ, Kafka's mock) are on this machine.
// Installs Debian's packages where it may, as root; says what to install where it may not. No service is started.
import { spawn } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { missingPackages } from '../test/brokers/programs.mjs';

const POLICY = '/usr/sbin/policy-rc.d';
/** Of `apt-get`, while another one runs, as in a machine that updates itself after its start. */
const LOCK_S = 120;

/**
 * Installs what is missing. 2 ms when nothing is, half a minute from an empty cache.
 * @returns the packages that were installed
 * @throws when something is missing that cannot be installed from here: the message says what to do
 */
export async function ensureBrokers() {
  const missing = missingPackages();
  if (missing.length === 0) return [];
  if (process.getuid?.() !== 0 || !hasApt()) {
    const command = `apt-get install --no-install-recommends ${missing.join(' ')}`;
    throw new Error(
      `The tests need ${missing.join(', ')}, which only root of Debian or Ubuntu can install from here: ` +
        `sudo ${command}`,
    );
  }
  await withoutServices(() => install(missing));
  const still = missingPackages();
  if (still.length > 0)
    throw new Error(`apt-get has installed ${missing.join(', ')}, but ${still.join(', ')} is not there`);
  return missing;
}

const hasApt = () => (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, 'apt-get')));

/** The list of packages is fetched only when the one that is there does not do: it is the slower half. */
async function install(packages) {
  const args = ['install', '-y', '--no-install-recommends', ...packages];
  if ((await aptGet(args)).isOk) return;
  await aptGet(['update']);
  const { isOk, output } = await aptGet(args);
  if (!isOk) throw new Error(`Cannot install ${packages.join(', ')}:\n${output.split('\n').slice(-15).join('\n')}`);
}

function aptGet(args) {
  return new Promise((resolve) => {
    const child = spawn('apt-get', ['-o', `DPkg::Lock::Timeout=${LOCK_S}`, ...args], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const keep = (text) => {
      output = (output + text).slice(-10_000);
    };
    child.stdout.setEncoding('utf8').on('data', keep);
    child.stderr.setEncoding('utf8').on('data', keep);
    child.on('error', (error) => resolve({ isOk: false, output: error.message }));
    child.on('close', (code) => resolve({ isOk: code === 0, output }));
  });
}

/** Debian starts a service when its package comes, unless this file says no. Ctrl-C ends `apt-get`, and we still tidy up. */
async function withoutServices(work) {
  if (existsSync(POLICY)) return work();
  const wait = () => {};
  process.on('SIGINT', wait);
  process.on('SIGTERM', wait);
  writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    return await work();
  } finally {
    rmSync(POLICY, { force: true });
    process.off('SIGINT', wait);
    process.off('SIGTERM', wait);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  try {
    const installed = await ensureBrokers();
    console.log(installed.length > 0 ? `installed ${installed.join(', ')}` : 'all brokers are there');
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
