import { Option } from 'commander';

import { chosenScenarios, runScenarios } from '../../lab/attest/index.js';
import type { ScenarioResult, StageTpm } from '../../lab/attest/index.js';
import { createLogger } from '../../core/logging.js';
import type { Outcome } from '../command.js';
import { EXIT } from '../command.js';
import type { CommandIo } from '../io.js';
import { debugWanted, printLine } from '../io.js';
import { examplesOf } from '../serve.js';
import type { AttestSubcommand } from './index.js';
import { RESULT_HEAD, resultLine, verdictOf } from './table.js';

/** Flags of `kpsim attest run`. */
interface RunFlags {
  readonly tpm: StageTpm;
  readonly json?: true;
}

/** `kpsim attest run`. */
export const run: AttestSubcommand = {
  summary: 'play attestation failures and hold what is seen against what is expected',
  configure: (command, io, outcome) => {
    command
      .argument(
        '[names...]',
        'names, reason codes or catalogue numbers, as kpsim attest faults lists them; all without',
      )
      .addOption(
        new Option('--tpm <kind>', "the hosts' TPM: the built-in one, or a swtpm process for each host")
          .choices(['software', 'swtpm'])
          .default('software'),
      )
      .option('--json', 'print one JSON array and no table')
      .addHelpText(
        'after',
        `
Each scenario stands up a host that attests, breaks one thing, and attests again twice. The column "recoverable" says
whether the second attempt helped with nobody changing anything; "yes, but no" that it was to help and did not. The
command ends with 1 if anything is not as expected.
${examplesOf(`
kpsim attest run
kpsim attest run nonce-reused token-alg-none
kpsim attest run 12 ek_ca_untrusted   # all of entry 12 of the catalogue, and of a reason
kpsim attest run --tpm swtpm quote-forged
kpsim attest run --json | jq '.[] | select(.asExpected | not)'`)}`,
      )
      .action((names: readonly string[], flags: RunFlags) => play(names, flags, io, outcome));
  },
};

async function play(
  names: readonly string[],
  { tpm, json }: RunFlags,
  io: CommandIo,
  outcome: Outcome,
): Promise<void> {
  const chosen = chosenScenarios(names);
  const stop = new AbortController();
  void io.stopRequested.then(() => {
    stop.abort();
    io.stderr.write('Stopping after this scenario; once more ends it at once.\n');
  });
  if (!json) printLine(io, RESULT_HEAD);
  const results = await runScenarios(chosen, {
    tpm,
    signal: stop.signal,
    ...(debugWanted(io) && { log: createLogger({ name: 'kpsim', level: 'warn', stream: io.stderr }) }),
    onResult: (result) => {
      if (!json) printLine(io, resultLine(result));
    },
  });
  printLine(io, json ? JSON.stringify(results, undefined, 2) : verdictOf(results, chosen.length));
  outcome.exitCode = exitCodeOf(results, stop.signal.aborted);
}

function exitCodeOf(results: readonly ScenarioResult[], interrupted: boolean): number {
  if (interrupted) return EXIT.interrupted;
  return results.every(({ asExpected }) => asExpected) ? EXIT.ok : EXIT.failed;
}
