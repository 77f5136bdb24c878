import { join } from 'node:path';

import type { PlatformParts } from '../../host-agent/index.js';
import { EndorsementPool, openTpmVendor } from '../../host-agent/index.js';
import type { TpmVendor } from '../../host-agent/tpm/index.js';
import type { Ground } from '../ground.js';
import type { LabOptions } from '../lab.js';
import { settleAll } from '../settle-all.js';
import type { Topology } from '../topology/index.js';
import { hostsOf } from '../topology/index.js';
import { LabHost } from './host.js';
import { LabKeyServer } from './key-server.js';
import { LabTrustAuthority } from './trust-authority.js';
import { LabVcenter } from './vcenter.js';

export { LabHost } from './host.js';
export { LabKeyServer } from './key-server.js';
export { LabTrustAuthority } from './trust-authority.js';
export { ADMINISTRATOR, LabVcenter } from './vcenter.js';
export type { Credential } from './vcenter.js';

/** All services of a lab, in the order of its topology. */
export interface LabServices {
  readonly keyServers: readonly LabKeyServer[];
  readonly trustAuthorities: readonly LabTrustAuthority[];
  readonly hosts: readonly LabHost[];
  readonly vcenters: readonly LabVcenter[];
  /** The maker of all TPMs that are made in this run. */
  readonly tpmVendor: TpmVendor;
}

/** Starts every service of a topology; none of them needs another to start. */
export async function startServices(
  topology: Topology,
  ground: Ground,
  { onProgress, vmotionAddresses = {} }: LabOptions,
): Promise<LabServices> {
  onProgress?.('starting services');
  // Hosts keep their TPMs from run to run, so whoever made them must stay the same.
  const tpmVendor = await openTpmVendor(join(ground.dataDir, 'tpm-vendor'), { clock: ground.clock });
  const parts: PlatformParts = { tpmVendor, endorsementPool: new EndorsementPool() };
  const [keyServers, trustAuthorities, vcenters, hosts] = await settleAll([
    settleAll(topology.keyServers.map((spec) => LabKeyServer.start(spec, ground))),
    settleAll(
      topology.trustAuthorities.map((spec) =>
        LabTrustAuthority.start(spec, ground, vcentersOf(topology, spec.name)),
      ),
    ),
    settleAll(topology.vcenters.map((spec) => LabVcenter.start(spec, ground))),
    settleAll(
      hostsOf(topology).map((placed) =>
        LabHost.start(placed, ground, parts, vmotionAddresses[placed.spec.name]),
      ),
    ),
  ]);
  return { keyServers, trustAuthorities, hosts, vcenters, tpmVendor };
}

/** The vCenters with a Trust Authority cluster that a Trust Authority's services belong to. */
function vcentersOf({ vcenters }: Topology, trustAuthority: string): readonly string[] {
  return vcenters
    .filter(({ clusters }) =>
      clusters.some(({ trustAuthorityServices }) => trustAuthorityServices.includes(trustAuthority)),
    )
    .map(({ name }) => name);
}
