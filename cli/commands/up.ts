import * as z from 'zod';

import type { Command } from 'commander';
import { createLogger } from '../../core/logging.js';
import { clientEnvironment, exportLines } from '../../lab/client-environment.js';
import { startLab } from '../../lab/lab.js';
import { COMMON_SETTINGS } from '../../lab/standalone/index.js';
import { builtInTopology, readTopology } from '../../lab/topology/index.js';
import type { CommandModule } from '../command.js';
import type { CommandIo } from '../io.js';
import { printLine } from '../io.js';
import { examplesOf, paragraphs, readyLine } from '../serve.js';
import { Starting } from '../starting.js';
import { EMPTY_TOPOLOGY } from './topology.js';
import { addSettings, readSettings } from '../settings-options.js';

const { host, data, adminPort, logLevel } = COMMON_SETTINGS;
const settings = z.strictObject({ host, data, adminPort, logLevel });

/** `kpsim up`. */
export const up: CommandModule = {
  settings,
  configure: (command, io) => {
    command
      .description(
        paragraphs(`Starts a whole lab from a topology file, the built-in one without, and runs until it is stopped. When all is
configured it prints export lines, then Ready. The lines tell clients where everything is: govc and others by the
names that they know, the rest as KPSIM_…; each with the service's name appended, the first of its kind also by the plain name.

With --data the lab comes back on the same ports, with its keys and VMs; these are powered off,
and injected faults are gone.`),
      )
      .argument('[topology]', 'a topology file (YAML)')
      .addHelpText(
        'after',
        examplesOf(`
# in the background, then use it from the same shell
rm -f lab.env; kpsim up --data ./my-lab > lab.env & lab=$!
until grep -qs '^Ready' lab.env; do sleep 0.2; done; . <(grep '^export' lab.env)
govc about

# a topology of your own
kpsim topology > lab.yaml && kpsim up lab.yaml`),
      );
    addSettings(command, settings);
    command.action((topology: string | undefined) => runLab(topology, command, io));
  },
};

async function runLab(file: string | undefined, command: Command, io: CommandIo): Promise<void> {
  const chosen = await readSettings(command, settings, io);
  const topology = file === undefined ? builtInTopology() : await readTopology(file);
  if (topology.keyServers.length + topology.trustAuthorities.length + topology.vcenters.length === 0) {
    io.stderr.write(`${EMPTY_TOPOLOGY}\n`);
  }
  const starting = new Starting(io);
  const lab = await startLab(topology, {
    host: chosen.host,
    dataDir: chosen.data,
    adminPort: chosen.adminPort,
    log: createLogger({ name: 'kpsim', level: chosen.logLevel, stream: io.stderr }),
    onProgress: (what) => void io.stderr.write(`${what} …\n`),
    signal: starting.signal,
  });
  try {
    starting.end();
    for (const line of exportLines(await clientEnvironment(lab))) printLine(io, line);
    const { vcenters, keyServers } = lab.services;
    const endpoints = [...vcenters, ...keyServers].map(({ name, endpoint }) => ({ name, url: endpoint.url }));
    printLine(io, readyLine([...endpoints, { name: 'admin', url: lab.admin?.url ?? '' }]));
    await io.stopRequested;
  } finally {
    await lab.stop();
  }
}
