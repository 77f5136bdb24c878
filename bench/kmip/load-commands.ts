import type { LoadCommand, LoadReply, MeasureOptions, Measured, TargetOptions } from './load-protocol.js';

/** What a process that loads servers can do. */
export interface LoadWork {
  readonly connect: (target: string, options: TargetOptions) => Promise<void>;
  readonly measure: (target: string, options: MeasureOptions) => Promise<Measured>;
  readonly disconnect: (target: string) => Promise<void> | void;
}

/** Carries out the commands that the parent process sends, until it leaves. */
export function serveCommands(work: LoadWork): void {
  process.on('message', (command: LoadCommand) => {
    perform(work, command).then(reply, fail);
  });
  process.on('disconnect', () => process.exit());
}

/** Tells the parent process what went wrong. */
export function fail(error: unknown): void {
  reply({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
}

/** The value below which a share of sorted values lies; 0 if there are none. */
export function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
}

/** Processor seconds of this process since then. */
export function cpuSecondsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

async function perform(work: LoadWork, command: LoadCommand): Promise<LoadReply> {
  switch (command.kind) {
    case 'connect':
      await work.connect(command.target, command.options);
      return { kind: 'done' };
    case 'measure':
      return { kind: 'measured', measured: await work.measure(command.target, command.options) };
    case 'disconnect':
      await work.disconnect(command.target);
      return { kind: 'done' };
  }
}

function reply(message: LoadReply): void {
  process.send?.(message);
}
