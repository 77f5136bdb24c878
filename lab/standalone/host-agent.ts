import { EVIDENCE_FAULTS, HostAgentService, hostAgentConfigSchema } from '../../host-agent/index.js';
import { clientNotes } from './notes.js';
import { COMMON_SETTINGS, ownSettings } from './settings.js';
import type { StandaloneService } from './standalone.js';

const { shape } = hostAgentConfigSchema;

const schema = hostAgentConfigSchema.omit({ tls: true, trustedCaPem: true }).extend({
  name: shape.name.default('esx-1').describe("The host's name."),
  version: shape.version.describe('Version of ESXi; below 6.5.0 the host knows no encryption.'),
  build: shape.build.describe('Build number.'),
  uuid: shape.uuid.describe('The UUID of the host; one is made and kept otherwise.'),
  port: shape.port.describe('Management port (mutual TLS); 0 for any.'),
  vmotionPort: shape.vmotionPort.describe('vMotion port (TCP); 0 for any.'),
  tpm: shape.tpm.describe('Its TPM 2.0: software (built in), swtpm (a process of that program), none.'),
  tpmPort: shape.tpmPort.describe("Where its TPM takes frames in swtpm's manner, on 127.0.0.1; 0 for any."),
  ekAlgorithm: shape.ekAlgorithm.describe('The endorsement key it attests with: rsa2048, p256.'),
  secureBoot: shape.secureBoot.describe('Whether the host boots with Secure Boot.'),
  administrators: shape.administrators
    .default(['admin'])
    .describe('Common names of the client certificates that may manage the host.'),
  ...COMMON_SETTINGS,
});

/** Names of everything that can be broken in a host's boot and evidence, for `attestationFaults`. */
export const ATTESTATION_FAULT_NAMES: readonly string[] = EVIDENCE_FAULTS.map(({ name }) => name);

/** An ESXi-like host that runs alone. */
export const standaloneHostAgent: StandaloneService<typeof schema> = {
  schema,
  nameOf: ({ name }) => name,
  start: async (settings, surroundings, running) => {
    const { tls, trustedCaPem } = surroundings;
    const config = hostAgentConfigSchema.parse({ ...ownSettings(settings), tls, trustedCaPem });
    const service = new HostAgentService(config, await surroundings.contextOf(settings.name));
    running.push(service);
    const [administrator = 'admin'] = settings.administrators;
    return { endpoints: await service.start(), notes: await clientNotes(surroundings, administrator) };
  },
};
