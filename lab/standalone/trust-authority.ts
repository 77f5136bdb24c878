import { TrustAuthorityService, trustAuthorityConfig } from '../../trust-authority/index.js';
import { clientNotes } from './notes.js';
import { COMMON_SETTINGS, ownSettings } from './settings.js';
import type { StandaloneService } from './standalone.js';

const { shape } = trustAuthorityConfig;
const port = shape.kms.def.innerType.shape.port;

const schema = trustAuthorityConfig.omit({ tls: true, trustedCaPem: true }).extend({
  name: shape.name.describe('Instance name.'),
  group: shape.group.describe(
    'Key provider services accept reports of attestation services of the same group only.',
  ),
  attestationPort: port.optional().describe('Port of the attestation service; 0 for any.'),
  keyProviderPort: port.optional().describe('Port of the key provider service; 0 for any.'),
  administrators: shape.administrators
    .default(['admin'])
    .describe('Common names of the client certificates that may administrate.'),
  ...COMMON_SETTINGS,
});

/** An attestation service and a key provider service that run alone. */
export const standaloneTrustAuthority: StandaloneService<typeof schema> = {
  schema,
  nameOf: ({ name }) => name,
  start: async (settings, surroundings, running) => {
    const { tls, trustedCaPem } = surroundings;
    const { attestationPort, keyProviderPort, ...own } = ownSettings(settings);
    const config = trustAuthorityConfig.parse({
      ...own,
      attestation: { ...own.attestation, port: attestationPort ?? own.attestation.port },
      kms: { ...own.kms, port: keyProviderPort ?? own.kms.port },
      tls,
      trustedCaPem,
    });
    const service = new TrustAuthorityService(config, await surroundings.contextOf(settings.name));
    running.push(service);
    const [administrator = 'admin'] = settings.administrators;
    return { endpoints: await service.start(), notes: await clientNotes(surroundings, administrator) };
  },
};
