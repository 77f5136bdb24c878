import { PARSED_ONCE } from '../../core/config/load.js';
import { KmsService, kmsConfigSchema } from '../../kms/index.js';
import { settleAll } from '../settle-all.js';
import { COMMON_SETTINGS, ownSettings } from './settings.js';
import type { StandaloneService } from './standalone.js';
import { clientNotes } from './notes.js';

const HTTPS = kmsConfigSchema.shape.https.unwrap().shape;

const schema = kmsConfigSchema.omit({ https: true, tls: true, trustedCaPem: true }).extend({
  name: kmsConfigSchema.shape.name.describe('Instance name, as faults and metrics call it.'),
  port: kmsConfigSchema.shape.port.describe('KMIP port (mutual TLS); 0 for any.'),
  httpsPort: HTTPS.port
    .optional()
    .describe('Port for KMIP over HTTPS (XML, JSON, TTLV; mutual TLS); 0 for any, none if absent.'),
  httpsPath: HTTPS.path.describe('Path that KMIP requests are posted to over HTTPS.'),
  listedClientsOnly: kmsConfigSchema.shape.listedClientsOnly.describe(
    'Accept only clients that the file lists, not every certificate of the authority.',
  ),
  ownerPolicy: kmsConfigSchema.shape.ownerPolicy.describe(
    'One owner for all clients, or each its own: shared, per-client.',
  ),
  credentialRequired: kmsConfigSchema.shape.credentialRequired.describe(
    'Whether requests need a user name and password of the file.',
  ),
  requireClientAuthUsage: kmsConfigSchema.shape.requireClientAuthUsage.describe(
    'Whether client certificates that limit their extended key usage must name clientAuth.',
  ),
  foreignObjects: kmsConfigSchema.shape.foreignObjects.describe(
    'What is said of objects of others: hidden (Item Not Found) or denied (Permission Denied).',
  ),
  importedIdentifiers: kmsConfigSchema.shape.importedIdentifiers.describe(
    'Identifiers of imported objects: kept as given, or always assigned by the server.',
  ),
  interopReset: kmsConfigSchema.shape.interopReset.describe(
    'Whether Interop Reset may destroy all objects of the client that asks for it.',
  ),
  timeStampSkewSeconds: kmsConfigSchema.shape.timeStampSkewSeconds.describe(
    'How far the Time Stamp of a request may be off, in seconds; any if absent.',
  ),
  certificateDays: kmsConfigSchema.shape.certificateDays.describe(
    'Days for which Certify issues, where the request does not say.',
  ),
  leaseSeconds: kmsConfigSchema.shape.leaseSeconds.describe('Lease Time of objects, in seconds.'),
  vendorIdentification: kmsConfigSchema.shape.vendorIdentification.describe('What Query answers.'),
  ...COMMON_SETTINGS,
});

/** A KMIP key server that runs alone. */
export const standaloneKms: StandaloneService<typeof schema> = {
  schema,
  nameOf: ({ name }) => name,
  start: async (settings, surroundings, running) => {
    const { certificates, tls, trustedCaPem } = surroundings;
    const { httpsPort, httpsPath, ...own } = ownSettings(settings);
    const https = httpsPort === undefined ? undefined : { port: httpsPort, path: httpsPath };
    const config = kmsConfigSchema.parse({ ...own, https, tls, trustedCaPem }, PARSED_ONCE);
    const expiredTwin = certificates && (() => certificates.authority.expiredTwin(tls.certificatePem));
    const service = new KmsService(config, await surroundings.contextOf(settings.name), expiredTwin);
    running.push(service);
    // The client's files become durable while the store does.
    const [endpoints, notes] = await settleAll([service.start(), clientNotes(surroundings, 'client')]);
    return { endpoints, notes };
  },
};
