import { isAbsolute } from 'node:path';

import * as z from 'zod';

import { networkAddress, principalToken, serviceGroup, x509CertChain } from '../../wire/attestation/index.js';
import { ESX_RELEASES } from '../../wire/esx-image/index.js';
import { migrationSpecSchema } from '../vmotion/migration-spec.js';

/** Longest names of VMs, datastores, providers and hosts, in characters (own choice; vSphere allows 80). */
const NAME_LIMIT = 255;
/** Longest key id: a trusted provider's is a ciphertext, a native provider's a structure (own choice). */
const KEY_ID_LIMIT = 4096;

const name = z.string().min(1).max(NAME_LIMIT);
/** VMs that come from elsewhere may have ids of no RFC's version. */
const vmId = z.guid().toLowerCase();
const base64 = z.base64().max(64 * 1024);
const pem = z
  .string()
  .min(1)
  .max(256 * 1024);

/** Path on the machine of the host agent, whose working directory is nobody's business. */
const machinePath = z
  .string()
  .min(1)
  .max(4096)
  .refine((path) => !path.includes('\0'), 'a path without NUL characters')
  .refine(isAbsolute, 'an absolute path on the machine of the host agent');

/** `CryptoKeyId` of vim25; `_typeName` may be there. An empty `keyId` asks the host to make a key. */
export const cryptoKeyIdSchema = z.strictObject({
  _typeName: z.literal('CryptoKeyId').optional(),
  keyId: z.string().max(KEY_ID_LIMIT),
  providerId: z.strictObject({ _typeName: z.literal('KeyProviderId').optional(), id: name }).optional(),
});

/** `ConfigSpec.migrateEncryption` of vim25. */
export const migrateEncryptionSchema = z.enum(['disabled', 'opportunistic', 'required']);

const diskSelection = z.union([z.literal('all'), z.array(z.number().int()).max(256).readonly()]);

/** Which key encrypts a VM, and which of its disks. */
export const encryptVmSchema = z.strictObject({
  key: cryptoKeyIdSchema,
  /** `all` unless told; the VM's home is always encrypted. */
  disks: diskSelection.optional(),
});

/** Body of `POST vms`. */
export const createVmSchema = z.strictObject({
  name,
  datastore: name,
  memoryMiB: z.number().int().min(4).max(65_536).optional(),
  cpus: z.number().int().min(1).max(768).optional(),
  guestOs: name.optional(),
  disks: z
    .array(
      z.strictObject({
        capacityBytes: z
          .number()
          .int()
          .min(512)
          .max(2 ** 46)
          .multipleOf(512),
      }),
    )
    .max(15)
    .readonly(),
  encryption: encryptVmSchema.optional(),
  migrateEncryption: migrateEncryptionSchema.optional(),
});

/** Body of `POST vms?action=import`: a directory of this machine with a `.vmx` and its disks. */
export const importVmSchema = z.strictObject({
  directory: machinePath,
  name: name.optional(),
  datastore: name,
});

/** Body of `POST vms?action=create-from-raw`: a copy of a raw disk image of this machine becomes the VM's disk. */
export const createVmFromRawSchema = z.strictObject({
  image: machinePath,
  name,
  datastore: name,
  memoryMiB: z.number().int().min(4).max(65_536).optional(),
  encryption: encryptVmSchema.optional(),
  migrateEncryption: migrateEncryptionSchema.optional(),
});

/** Body of `POST vms/{vm}?action=recrypt`. */
export const recryptVmSchema = z.strictObject({
  kind: z.enum(['shallow', 'deep']),
  newKeyId: cryptoKeyIdSchema,
});

/** Body of `POST vms/{vm}?action=decrypt`; without `disks` the whole VM. */
export const decryptVmSchema = z.strictObject({ disks: diskSelection.optional() });

/** Body of `PUT vms/{vm}/migrate-encryption`. */
export const setMigrateEncryptionSchema = z.strictObject({ mode: migrateEncryptionSchema });

/** Body of `POST vms/{vm}?action=clone`: a full copy on this host. */
export const cloneVmSchema = z.strictObject({
  name,
  datastore: name.optional(),
  /** Another key for the clone; `keyId ''` lets the host make one. The disks are encrypted anew. */
  recryptKey: cryptoKeyIdSchema.optional(),
  /** Encrypts the clone of an unencrypted VM. */
  encryption: encryptVmSchema.optional(),
});

/** Body of `POST vms/{vm}?action=relocate`: the VM's files go to another datastore of this host. */
export const relocateVmSchema = z.strictObject({ datastore: name });

/** What the destination must know of a VM before data comes: name, keys and sizes; a `VmInfo` serves. */
export const incomingVmSchema = z.object({
  id: vmId,
  name,
  keyId: cryptoKeyIdSchema.optional(),
  disks: z
    .array(
      z.object({
        key: z.number().int(),
        capacityBytes: z.number().int().min(0),
        encrypted: z.boolean(),
        keyId: cryptoKeyIdSchema.optional(),
      }),
    )
    .max(64)
    .readonly(),
});

/** Body of `POST migrations/{migration}?action=prepare-receive`. */
export const prepareReceiveSchema = z.strictObject({ spec: migrationSpecSchema, vm: incomingVmSchema });

/** Body of `POST migrations/{migration}?action=start-send`. */
export const startSendSchema = z.strictObject({
  spec: migrationSpecSchema,
  destination: z.strictObject({ host: name, port: z.number().int().min(1).max(65_535) }),
});

/** Body of `POST /api/esx/trusted-infrastructure/kms/providers`, as the native key provider pushes it. */
export const nativeProviderSchema = z.strictObject({
  provider: name,
  native_spec: z.strictObject({ key_id: z.string().min(1).max(KEY_ID_LIMIT), key_derivation_key: base64 }),
});

/** An attestation or key provider service of a Trust Authority cluster, as a trusted host is told of it. */
export const trustedServiceSchema = z.strictObject({
  /** `https://host:port`. */
  address: z.url({ protocol: /^https$/ }).max(1024),
  /** PEM. */
  trusted_CA: pem,
  group: serviceGroup,
});

/** Body of `PUT trusted-services`: replaces all of it. */
export const trustedServicesSchema = z.strictObject({
  attestation: z.array(trustedServiceSchema).max(16).readonly(),
  kms: z.array(trustedServiceSchema).max(16).readonly(),
  providers: z.array(name).max(32).readonly(),
  /** For whom the host works: a token of its vCenter that key provider services may ask for; bound to the host's certificate. */
  principal: principalToken.optional(),
});

/** Body of `PUT key-servers/{cluster}`: lets the host fetch standard keys itself, as vSAN hosts do. */
export const keyServersSchema = z.strictObject({
  servers: z
    .array(z.strictObject({ host: name, port: z.number().int().min(1).max(65_535) }))
    .min(1)
    .max(16)
    .readonly(),
  tls: z.strictObject({ certificatePem: pem, privateKeyPem: pem, caPem: pem }),
  credential: z.strictObject({ username: name, password: z.string().max(1024) }).optional(),
});

/** Query of `GET` and `PUT vms/{vm}/disks/{disk}/content`. */
export const guestRangeSchema = z.strictObject({
  offset: z.coerce.number().int().min(0).multipleOf(512),
  length: z.coerce
    .number()
    .int()
    .min(512)
    .max(1024 * 1024)
    .multipleOf(512)
    .optional(),
});

/** Body of `POST attestation?action=attest`; `force` attests again although the report is still good. */
export const attestSchema = z.strictObject({ force: z.boolean().optional() });

/** Query of `GET attestation/report`. */
export const attestationReportQuerySchema = z.strictObject({
  documents: z.enum(['true', 'false']).optional(),
});

const release = z.enum(ESX_RELEASES);
const build = z.string().regex(/^\d{1,10}$/, 'a build number, one to ten digits');

/** The base image that a host has installed. */
export const installedImageSchema = z.strictObject({ release, build });

/** Body of `POST /api/kpsim/host?action=patch`. */
export const patchSchema = z
  .strictObject({ release: release.optional(), build: build.optional() })
  .refine((patch) => patch.release !== undefined || patch.build !== undefined, {
    error: 'give release, build or both',
  });

/** Body of `POST crypto?action=key-status`. */
export const keyStatusSchema = z.strictObject({ keys: z.array(cryptoKeyIdSchema).max(4096).readonly() });

/** The two kinds of trusted services, as the paths of the ESX API name them. */
export const trustedServiceKindSchema = z.enum(['attestation', 'kms']);

/** Body of `POST /api/esx/trusted-infrastructure/{attestation,kms}/services`. */
export const esxTrustedServiceSchema = z.strictObject({
  address: networkAddress,
  trusted_CA: x509CertChain,
  group: serviceGroup,
});

/** A migration's id in a path: a UUID in lower case. */
export const migrationIdSchema = z.guid().toLowerCase();

/** Body of `PUT attestation/faults`: rows of `EVIDENCE_FAULTS` by name; an empty list makes the host honest again. */
export const evidenceFaultsSchema = z.strictObject({ names: z.array(name).max(64).readonly() });
