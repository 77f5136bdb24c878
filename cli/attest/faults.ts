import Table from 'cli-table3';

import { scenarioList } from '../../lab/attest/index.js';
import type { ListedScenario } from '../../lab/attest/index.js';
import { printLine } from '../io.js';
import { examplesOf } from '../serve.js';
import type { AttestSubcommand } from './index.js';

/** No colours: the table is for files and screen readers as well. */
const PLAIN = { head: [], border: [] };

/** `kpsim attest faults`. */
export const faults: AttestSubcommand = {
  summary: 'list every attestation failure by name, with the reason that a correct verifier gives',
  configure: (command, io) => {
    command
      .option('--json', 'print one JSON array')
      .addHelpText(
        'after',
        examplesOf(`
kpsim attest faults
kpsim attest faults --json | jq -r '.[] | select(.place == "token").name'`),
      )
      .action(({ json }: { readonly json?: true }) => {
        const rows = scenarioList();
        printLine(io, json ? JSON.stringify(rows, undefined, 2) : tableOf(rows));
      });
  },
};

function tableOf(rows: readonly ListedScenario[]): string {
  const table = new Table({
    head: ['name', 'no.', 'what is broken', 'reason', 'on a host'],
    colWidths: [38, 5, 42, 34, 13],
    wordWrap: true,
    style: PLAIN,
  });
  for (const { name, catalogue, sentence, reason, injected } of rows) {
    table.push([name, catalogue.join(', '), sentence, reason ?? '(passes)', injected ?? '-']);
  }
  const injectable = rows.filter(({ injected }) => injected !== undefined).length;
  return [
    table.toString(),
    `${rows.length} scenarios. kpsim attest run NAME plays one, kpsim attest run all of them.`,
    `${injectable} of them can be injected into a host of a running lab, PUT /attestation/hosts/HOST/faults/NAME on its`,
    'admin address; "on a host" says whether that bites with the next boot of the host or with its next attestation.',
  ].join('\n');
}
