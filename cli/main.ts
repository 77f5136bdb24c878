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

// npm passes no signal on: what it started (npx kpsim …, npm start) ends when npm is gone, or would run for ever.
const parent = process.ppid;
if (process.env.npm_command !== undefined) {
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    process.kill(process.pid, 'SIGTERM');
  }, 500);
  watch.unref();
}

// Whoever read the output may have gone (kpsim … | head): what is running goes on, and is cleaned up at its end.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

// The program is bundled as CommonJS, which does not await here; should run reject, Node ends with the error.
void run(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  environment: process.env,
  stopRequested,
}).then((exitCode) => (process.exitCode = exitCode));
