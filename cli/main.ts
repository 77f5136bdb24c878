#!/usr/bin/env node
import { run } from './program.js';

/** Exit codes of a process that a signal ended, as shells count them. */
const FORCED = { SIGINT: 130, SIGTERM: 143 } as const;

const stopRequested = new Promise<void>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      resolve();
      process.on(signal, () => process.exit(FORCED[signal])); // asked for twice: do not wait any longer
    });
  }
});

// Whoever read the output has gone (kpsim … | head): there is nobody left to tell.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

process.exitCode = await run(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  environment: process.env,
  stopRequested,
});
