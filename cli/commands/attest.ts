import { ATTEST_SUBCOMMANDS } from '../attest/index.js';
import type { CommandModule } from '../command.js';
import { examplesOf, paragraphs, sentenceOf } from '../serve.js';

/** `kpsim attest`. */
export const attest: CommandModule = {
  configure: (command, io, outcome) => {
    command
      .description(
        paragraphs(`Attestation failures by name. Nothing is switched off to be testable: all checks stay on, and evidence, tokens and
services are broken on purpose, one precise fault at a time.`),
      )
      .addHelpText(
        'after',
        examplesOf(`
# what can be broken, and what is said of it
kpsim attest faults

# break it, on a software TPM or on swtpm
kpsim attest run quote-forged nonce-reused
kpsim attest run --tpm swtpm`),
      );
    for (const [name, row] of Object.entries(ATTEST_SUBCOMMANDS)) {
      const { summary } = row;
      row.configure(command.command(name).summary(summary).description(sentenceOf(summary)), io, outcome);
    }
  },
};
