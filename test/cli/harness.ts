import { PassThrough } from 'node:stream';

import type { CommandIo } from '../../cli/io.js';
import { run } from '../../cli/program.js';

/** A command line that runs in this process, with streams of its own. */
export interface RunningCommand {
  /** Resolves with the line once a whole line of standard output matches. */
  line(pattern: RegExp): Promise<string>;
  /** As a signal would. */
  stop(): void;
  /** Exit code and everything that was written. */
  readonly done: Promise<{ readonly exitCode: number; readonly stdout: string; readonly stderr: string }>;
}

/** Runs `kpsim` with these arguments. */
export function kpsim(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): RunningCommand {
  const [stdout, stderr] = [new Captured(), new Captured()];
  let stop = (): void => undefined;
  const stopRequested = new Promise<void>((resolve) => {
    stop = resolve;
  });
  const io: CommandIo = { stdout: stdout.stream, stderr: stderr.stream, environment, stopRequested };
  const done = run(args, io).then((exitCode) => {
    stdout.end();
    return { exitCode, stdout: stdout.text, stderr: stderr.text };
  });
  const line = async (pattern: RegExp): Promise<string> => {
    const found = await stdout.line(pattern);
    if (found !== undefined) return found;
    throw new Error(`ended without a line like ${String(pattern)}: ${JSON.stringify(await done)}`);
  };
  return { line, stop, done };
}

class Captured {
  readonly stream = new PassThrough();
  text = '';
  #ended = false;
  readonly #waiting = new Set<() => void>();

  constructor() {
    this.stream.setEncoding('utf8');
    this.stream.on('data', (chunk: string) => {
      this.text += chunk;
      this.#wake();
    });
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  line(pattern: RegExp): Promise<string | undefined> {
    return new Promise((resolve) => {
      const look = (): void => {
        const found = this.text
          .split('\n')
          .slice(0, -1)
          .find((line) => pattern.test(line));
        if (found === undefined && !this.#ended) return;
        this.#waiting.delete(look);
        resolve(found);
      };
      this.#waiting.add(look);
      look();
    });
  }

  #wake(): void {
    for (const look of [...this.#waiting]) look();
  }
}
