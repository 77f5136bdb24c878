import { EXIT } from './command.js';
import { run } from './program.js';

/** Exit codes of a process that a signal ended, as shells count them. */
const FORCED = { SIGINT: EXIT.interrupted, SIGTERM: 143, SIGHUP: 129 } as const;

/** The exit code of a command that was ended before its end. */
let interrupted: number = EXIT.interrupted;
const stopRequested = new Promise<void>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      interrupted = FORCED[signal];
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

// Whoever read the output may have gone (kpsim … | head), or the terminal with it: what is running goes on, and is cleaned up at its end.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
  });
}

// The program is bundled as CommonJS, which does not await here; should run reject, Node ends with the error.
void run(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  environment: process.env,
  stopRequested,
}).then((exitCode) => (process.exitCode = exitCode === EXIT.interrupted ? interrupted : exitCode));
