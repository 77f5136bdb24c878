import { startLab } from '../../lab.js';
import { builtInTopology, hostsOf } from '../../topology/index.js';
import { ACCEPTED } from '../step.js';
import type { DemoStep } from '../step.js';
import { startVmotionTap } from '../vmotion-tap.js';
import { TAPPED_HOSTS } from './names.js';

/** Brings up the built-in topology, with wire taps before the hosts that VMs will go to. */
export const startLabStep: DemoStep = {
  id: 'start',
  title: 'Start two vCenters, a key server, a Trust Authority, hosts and three kinds of key provider',
  expected: ACCEPTED,
  needs: [],
  run: async (context, note) => {
    const { dataDir, log } = context.options;
    const topology = builtInTopology();
    for (const host of TAPPED_HOSTS) context.taps.set(host, await startVmotionTap());
    const vmotionAddresses = Object.fromEntries(
      [...context.taps].map(([name, { host, port }]) => [name, { host, port }]),
    );
    const lab = await startLab(topology, { dataDir, log, vmotionAddresses });
    context.lab = lab;
    for (const [name, tap] of context.taps) {
      const { host, port } = lab.host(name).vmotionEndpoint;
      tap.forwardTo({ host, port });
    }
    note({
      services: lab.running.length,
      vcenters: topology.vcenters.length,
      hosts: hostsOf(topology).length,
      providers: topology.providers.length,
    });
  },
};
