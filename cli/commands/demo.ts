import { KpsimError } from '../../core/errors.js';
import { Demo } from '../../lab/demo/demo.js';
import type { DemoOptions } from '../../lab/demo/demo.js';
import type { CommandModule, Outcome } from '../command.js';
import { EXIT } from '../command.js';
import { demoTable } from '../demo/table.js';
import { withProgress } from '../demo/progress.js';
import type { CommandIo } from '../io.js';
import { printLine } from '../io.js';
import { examplesOf, paragraphs } from '../serve.js';

/** Flags of `kpsim demo`. */
interface DemoFlags {
  readonly vm?: string;
  readonly disk?: string;
  readonly data?: string;
  readonly saveDisks?: string;
  readonly json?: true;
}

/** `kpsim demo`. */
export const demo: CommandModule = {
  configure: (command, io, outcome) => {
    command
      .description(
        paragraphs(`Brings up two vCenters with hosts, a KMIP key server, a Trust Authority and three kinds of key provider. Encrypts
a VM with each, shows that no plaintext is left in its files, powers it on, migrates it running from east to west
with a tap on the wire, reboots the host there, and shows that its contents are equal. Then it tries what must be
refused. Everything it says is what happened; it ends with 1 if anything is not as expected.`),
      )
      .option('--vm <dir>', 'your own VM: a directory with a .vmx and flat VMDKs (it is copied, not changed)')
      .option(
        '--disk <image>',
        'your own disk: a raw image or a -flat.vmdk (it is copied, rounded up to whole sectors of 512 bytes, not changed)',
      )
      .option('--save-disks <dir>', 'write the disks as the guests see them at the end, one raw image each')
      .option('--data <dir>', 'keep everything in this directory; temporary without')
      .option('--json', 'print one JSON object and no progress')
      .addHelpText(
        'after',
        examplesOf(`
kpsim demo
kpsim demo --disk debian.img --save-disks ./after
kpsim demo --json | jq '.steps[] | select(.refusal) | {rule: .refusal.rules[0], fault: .refusal.fault}'`),
      )
      .action((flags: DemoFlags) => runDemo(flags, io, outcome));
  },
};

async function runDemo(flags: DemoFlags, io: CommandIo, outcome: Outcome): Promise<void> {
  const demonstration = await Demo.create(optionsOf(flags));
  const stop = new AbortController();
  void io.stopRequested.then(() => {
    stop.abort();
    io.stderr.write('Stopping after this step; once more ends it at once.\n');
  });
  try {
    await withProgress(demonstration.steps, flags.json ? 'silent' : io, async (step) => {
      if (stop.signal.aborted) throw new KpsimError('interrupted', 'Stopped before the end, as you asked.');
      return demonstration.run(step);
    });
    const report = demonstration.report();
    if (flags.json) printLine(io, JSON.stringify(report, undefined, 2));
    else printLine(io, demoTable(report, demonstration.steps.length));
    if (stop.signal.aborted) outcome.exitCode = EXIT.interrupted;
    else outcome.exitCode = report.ok ? EXIT.ok : EXIT.failed;
  } finally {
    await demonstration.stop();
  }
}

/** @throws KpsimError `argument_invalid` */
function optionsOf({ vm, disk, data, saveDisks }: DemoFlags): DemoOptions {
  if (vm !== undefined && disk !== undefined) {
    throw new KpsimError(
      'argument_invalid',
      'Give --vm or --disk, not both: each is the whole of the VM’s disks.',
    );
  }
  return { vmDirectory: vm, diskImage: disk, dataDir: data, saveDisksTo: saveDisks };
}
