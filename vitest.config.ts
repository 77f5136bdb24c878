import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // One for each core; by default vitest leaves one idle, which is half of a machine with two.
    maxWorkers: '100%',
    setupFiles: ['test/setup.ts'],
  },
});
