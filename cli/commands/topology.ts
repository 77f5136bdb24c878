import type { CommandModule } from '../command.js';
import { printLine } from '../io.js';
import { examplesOf, paragraphs } from '../serve.js';
import {
  BUILT_IN_TOPOLOGY_YAML,
  hostsOf,
  readTopology,
  topologyJsonSchema,
} from '../../lab/topology/index.js';

/** Told of a file with nothing in it, which is valid and of no use. */
export const EMPTY_TOPOLOGY =
  'There is nothing in it: add keyServers, vcenters, providers and vms; kpsim topology prints an example.';

/** `kpsim topology`. */
export const topology: CommandModule = {
  configure: (command, io) => {
    command
      .description(
        paragraphs(`Prints the built-in topology, a start for one's own. With a file: checks it, and names the line of every
mistake. With --schema: prints the JSON Schema of topology files, for editors.`),
      )
      .argument('[file]', 'a topology file to check')
      .option('--schema', 'print the JSON Schema')
      .addHelpText(
        'after',
        examplesOf(`
kpsim topology > lab.yaml      # then change it
kpsim topology lab.yaml        # check it
kpsim up lab.yaml              # start it`),
      )
      .action(async (file: string | undefined, options: { readonly schema?: true }) => {
        if (options.schema) {
          printLine(io, JSON.stringify(topologyJsonSchema(), undefined, 2));
          return;
        }
        if (file === undefined) {
          io.stdout.write(BUILT_IN_TOPOLOGY_YAML);
          return;
        }
        const found = await readTopology(file);
        const counts = [
          [found.keyServers.length, 'key servers'],
          [found.trustAuthorities.length, 'Trust Authorities'],
          [found.vcenters.length, 'vCenters'],
          [hostsOf(found).length, 'hosts'],
          [found.providers.length, 'key providers'],
          [found.vms.length, 'VMs'],
        ] as const;
        printLine(io, `${file} is valid: ${counts.map(([count, what]) => `${what} ${count}`).join(', ')}`);
        if (counts.every(([count]) => count === 0)) io.stderr.write(`${EMPTY_TOPOLOGY}\n`);
      });
  },
};
