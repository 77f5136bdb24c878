import { ATTEST_SUBCOMMANDS } from '../attest/index.js';
import type { CommandModule } from '../command.js';
import { examplesOf, paragraphs, sentenceOf } from '../serve.js';

/** `kpsim attest`. */
export const attest: CommandModule = {
  configure: (command, io, outcome) => {
    command
      .description(
        paragraphs(`Attestation failures by name. Nothing is switched off to be testable: all checks stay on, and evidence, tokens and
services are broken on purpose, one precise fault at a time. "explain" shows of any host of a running lab what its
attestation was held against.

A host is patched with POST /api/kpsim/host?action=patch and attests again once its new image is imported; README.md
shows how.`),
      )
      .addHelpText(
        'after',
        examplesOf(`
# what can be broken, and what is said of it
kpsim attest faults

# break it, on a software TPM or on swtpm
kpsim attest run quote-forged nonce-reused
kpsim attest run --tpm swtpm

# what a host of a running lab attests to, and why it is refused
kpsim attest explain esx-west-t2`),
      );
    for (const [name, row] of Object.entries(ATTEST_SUBCOMMANDS)) {
      const { summary } = row;
      row.configure(command.command(name).summary(summary).description(sentenceOf(summary)), io, outcome);
    }
  },
};
