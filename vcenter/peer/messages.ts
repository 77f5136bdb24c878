import * as z from 'zod';

const moid = z.string().min(1).max(200);
const name = z.string().min(1).max(255);
const version = z.string().regex(/^\d+(\.\d+){0,3}$/);

const reference = z.strictObject({
  _typeName: z.literal('ManagedObjectReference'),
  type: z.string().min(1).max(80),
  value: moid,
});

const keyId = z.object({
  _typeName: z.literal('CryptoKeyId').optional(),
  keyId: z.string().max(4096),
  providerId: z.object({ _typeName: z.literal('KeyProviderId').optional(), id: name }).optional(),
});

const address = z.strictObject({
  host: name,
  port: z.number().int().min(1).max(65_535),
  thumbprintSha256: z.string().max(95).optional(),
});

const privileges = z.strictObject({ object: reference, privileges: z.array(z.string().max(100)).max(1000) });

const provider = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('standard'), name, servers: z.array(address).max(64) }),
  z.strictObject({
    kind: z.literal('native'),
    name,
    kdkFingerprint: z.string().min(1).max(200),
    hasBackup: z.boolean(),
    tpmRequired: z.boolean(),
  }),
  z.strictObject({ kind: z.literal('trusted'), name }),
]);

const hostFacts = z.strictObject({
  reference,
  name,
  version,
  supportsEncryptedVmotion: z.boolean(),
  inCluster: z.boolean(),
  cryptoState: z.enum(['incapable', 'prepared', 'safe', 'pendingIncapable']),
  tpmPresent: z.boolean(),
  nativeProviders: z.array(name).max(64),
  trustedServices: z
    .strictObject({
      attestation: z.array(address).max(64),
      keyProviderServices: z.array(address).max(64),
      providers: z.array(name).max(64),
    })
    .optional(),
  attested: z.boolean(),
  attestationMessages: z.array(z.string().max(4096)).max(64),
});

const diskStoragePolicies = z
  .array(z.strictObject({ key: z.number().int(), storagePolicy: z.string().max(255) }))
  .max(64);

const place = z.strictObject({ host: moid, hostUuid: z.uuid(), datastore: name, folder: moid });

/** Body of `POST /internal/peer/migrations?action=survey`. */
export const surveyRequestSchema = z.strictObject({
  operation: z.enum(['migrate', 'clone']),
  vm: z.strictObject({ id: z.uuid(), name, keyIds: z.array(keyId).max(64) }),
  target: z.strictObject({
    host: reference.optional(),
    pool: reference.optional(),
    datastore: reference.optional(),
    folder: reference.optional(),
  }),
});

/** Answer to it. */
export const surveySchema = z.strictObject({
  place,
  side: z.strictObject({
    vcenter: z.strictObject({ name, version }),
    host: hostFacts,
    providers: z.array(provider).max(64),
  }),
  folderPrivileges: privileges,
  hostPrivileges: privileges,
});

/** Body of `POST /internal/peer/migrations`. The spec is checked by the host that gets it. */
export const orderSchema = z.strictObject({
  spec: z.object({
    migrationId: z.uuid().toLowerCase(),
    oneTimeKey: z.base64().max(64),
    nonce: z.base64().max(16),
    encrypted: z.boolean(),
    kind: z.enum(['migrate', 'clone']),
    live: z.boolean(),
    vmId: z.uuid().toLowerCase(),
    targetDatastore: name.optional(),
    target: z.strictObject({ id: z.uuid().toLowerCase(), name }).optional(),
  }),
  vm: z.strictObject({
    id: z.uuid().toLowerCase(),
    name,
    keyId: keyId.optional(),
    disks: z
      .array(
        z.strictObject({
          key: z.number().int(),
          capacityBytes: z.number().int().min(0),
          encrypted: z.boolean(),
          keyId: keyId.optional(),
        }),
      )
      .max(64),
  }),
  place,
  encrypted: z.boolean(),
  makeHostSafe: z.boolean(),
  storagePolicy: z.string().max(255).optional(),
  diskStoragePolicies,
  token: z.string().min(32).max(200),
});

/** Answer to it: where the source connects to. */
export const readySchema = z.object({
  host: name,
  port: z.number().int().min(1).max(65_535),
  vmId: z.uuid(),
});

/** Answer to `POST /internal/peer/migrations/{id}?action=commit`. */
export const committedSchema = z.strictObject({ vm: reference });

/** Answer to `POST /internal/peer/migrations/{id}?action=abort`. */
export const abortedSchema = z.strictObject({ outcome: z.enum(['committed', 'aborted']) });

/** Header that carries the token of a migration. */
export const MIGRATION_TOKEN_HEADER = 'x-kpsim-migration-token';
