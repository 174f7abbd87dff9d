import { defineConfig } from 'vitest/config';

/** Generous, as a continuous integration machine may have two slow cores and other work. */
const UNIT_MS = 60_000;
const END_TO_END_MS = 180_000;

/** Workers of the test runner: a soak takes a core for itself and another for the program that it watches. */
const WORKERS = 2;

export default defineConfig({
  test: {
    pool: 'forks',
    // Tests of collection call gc() themselves.
    execArgv: ['--expose-gc'],
    maxWorkers: WORKERS,
    setupFiles: ['test/setup/fast-check.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'examples/**/*.test.ts'],
          testTimeout: UNIT_MS,
          hookTimeout: UNIT_MS,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'end to end',
          include: ['test/**/*.test.ts'],
          testTimeout: END_TO_END_MS,
          hookTimeout: END_TO_END_MS,
          // After the unit tests: soaks measure, and are measured wrongly on a machine that is busy with tests.
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
