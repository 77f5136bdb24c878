import { KmsService, kmsConfigSchema } from '../../kms/index.js';
import { COMMON_SETTINGS, ownSettings } from './settings.js';
import type { StandaloneService } from './standalone.js';
import { clientNotes } from './notes.js';

const schema = kmsConfigSchema.omit({ tls: true, trustedCaPem: true }).extend({
  name: kmsConfigSchema.shape.name.describe('Instance name, as faults and metrics call it.'),
  port: kmsConfigSchema.shape.port.describe('KMIP port (mutual TLS); 0 for any.'),
  listedClientsOnly: kmsConfigSchema.shape.listedClientsOnly.describe(
    'Accept only clients that the file lists, not every certificate of the authority.',
  ),
  ownerPolicy: kmsConfigSchema.shape.ownerPolicy.describe(
    'One owner for all clients, or each its own: shared, per-client.',
  ),
  credentialRequired: kmsConfigSchema.shape.credentialRequired.describe(
    'Whether requests need a user name and password of the file.',
  ),
  vendorIdentification: kmsConfigSchema.shape.vendorIdentification.describe('What Query answers.'),
  ...COMMON_SETTINGS,
});

/** A KMIP key server that runs alone. */
export const standaloneKms: StandaloneService<typeof schema> = {
  schema,
  nameOf: ({ name }) => name,
  start: async (settings, surroundings, running) => {
    const { tls, trustedCaPem } = surroundings;
    const config = kmsConfigSchema.parse({ ...ownSettings(settings), tls, trustedCaPem });
    const service = new KmsService(config, await surroundings.contextOf(settings.name));
    running.push(service);
    return { endpoints: await service.start(), notes: await clientNotes(surroundings, 'client') };
  },
};
