import { resolve } from 'node:path';

import { CertificateStore } from '../../lab/certificates.js';
import type { CommandModule } from '../command.js';
import { printLine } from '../io.js';
import { examplesOf, paragraphs } from '../serve.js';

/** `kpsim certs`. */
export const certs: CommandModule = {
  configure: (command, io) => {
    command
      .description(
        paragraphs(`Writes a client certificate signed by the certificate authority of a data directory, and prints the paths of
certificate, key and authority. Asked again for the same name it gives the same certificate while it is good.
Files are readable by their owner alone.`),
      )
      .requiredOption('--data <dir>', 'data directory of a service or lab')
      .requiredOption('--name <cn>', 'common name of the client, as the service is to know it')
      .option('--json', 'print one JSON object')
      .addHelpText(
        'after',
        examplesOf(`
# a certificate for PyKMIP
kpsim certs --data ./kms-data --name pykmip

# straight into curl
kpsim certs --data ./my-lab --name admin --json`),
      )
      .action(async (options: { readonly data: string; readonly name: string; readonly json?: true }) => {
        const store = await CertificateStore.existing(resolve(options.data));
        const { caPath, certificatePath, privateKeyPath } = await store.client(options.name);
        if (options.json) {
          printLine(io, JSON.stringify({ caPath, certificatePath, privateKeyPath }));
          return;
        }
        printLine(io, `CA certificate      ${caPath}`);
        printLine(io, `Client certificate  ${certificatePath}`);
        printLine(io, `Client key          ${privateKeyPath}`);
      });
  },
};
