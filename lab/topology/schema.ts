import * as z from 'zod';

import { TPM_KINDS } from '../../host-agent/index.js';
import { sharedDatabaseSchema } from '../../kms/index.js';

/** Ports that services listen on; 0 lets the system choose. */
const port = z.number().int().min(0).max(65_535);

/** Names of services and hosts: they become certificate subjects and directory names. */
const serviceName = z
  .string()
  .max(63)
  .regex(/^[a-z0-9]+(?:-[a-z0-9]+)*$/, 'lower-case letters, digits and single hyphens between them');

/** Names that vSphere users give, for example to clusters, providers and VMs. */
const givenName = z
  .string()
  .max(80)
  .regex(/^[A-Za-z0-9][A-Za-z0-9 ._-]*$/, 'letters, digits, spaces and . _ - (a letter or digit first)');

const version = z.string().regex(/^\d{1,2}\.\d{1,2}\.\d{1,2}$/, 'a version such as 8.0.3');

const path = z.string().min(1).max(4096);

const passwordText = z.string().min(8).max(1024);

const list = <T extends z.ZodType>(item: T, most: number): z.ZodDefault<z.ZodArray<T>> =>
  z.array(item).max(most).default([]);

const keyServer = z.strictObject({
  name: serviceName.describe('Instance name, for example kms-1.'),
  port: port.default(0).describe('KMIP port.'),
  credentials: list(z.strictObject({ username: givenName, password: passwordText }), 100).describe(
    'User names that requests may carry besides a client certificate.',
  ),
  database: sharedDatabaseSchema
    .optional()
    .describe(
      'PostgreSQL that the key servers of one cluster share: the same for each of them. Without it a key server keeps its keys for itself.',
    ),
});

const trustAuthority = z.strictObject({
  name: serviceName.describe('Instance name, for example ta-1.'),
  group: serviceName
    .default('group-1')
    .describe('The key provider service accepts reports of attestation services of the same group only.'),
  attestationPort: port.default(0),
  keyProviderPort: port.default(0),
  tokenLifetimeSeconds: z
    .number()
    .int()
    .min(1)
    .max(31 * 86_400)
    .default(8 * 3600)
    .describe('How long an attestation is good for.'),
});

/** One Trust Authority, or several that form one cluster. */
const trustAuthorityNames = z.union([serviceName, z.array(serviceName).min(1).max(16)]);

const host = z.strictObject({
  name: serviceName.describe('Instance name, for example esx-east-1.'),
  version: version.default('8.0.3').describe('Version of ESXi; below 6.5.0 it knows no encryption.'),
  port: port.default(0).describe('Management port.'),
  vmotionPort: port.default(0).describe('vMotion port.'),
  tpm: z
    .union([z.boolean(), z.enum(TPM_KINDS)])
    .default(true)
    .describe('Its TPM 2.0: software (true), swtpm, or none (false).'),
  tpmPort: port.optional().describe("Where its TPM takes frames in swtpm's manner, on 127.0.0.1; 0 for any."),
  ekAlgorithm: z.enum(['rsa2048', 'p256']).default('rsa2048').describe('Endorsement key it attests with.'),
  secureBoot: z.boolean().default(true),
  attestationFaults: list(z.string().min(1).max(100), 16).describe(
    "What is broken in this host's boot and evidence, by names that kpsim host-agent --help lists.",
  ),
  datastores: z
    .array(z.strictObject({ name: givenName, path: path.optional() }))
    .min(1)
    .max(64)
    .default([{ name: 'datastore1' }])
    .describe('Where VMs lie; a directory of the data directory unless a path is given.'),
});

const cluster = z.strictObject({
  name: givenName,
  trustAuthority: trustAuthorityNames
    .optional()
    .describe(
      'Makes it a trusted cluster: its hosts attest to this Trust Authority, or to the first of a list that answers.',
    ),
  trustAuthorityServices: list(serviceName, 16).describe(
    'Lets it become a Trust Authority cluster, whose hosts these Trust Authorities stand for.',
  ),
  hosts: list(host, 1024),
});

const user = z.strictObject({
  name: z
    .string()
    .max(255)
    .regex(/^[^@\s]+@[^@\s]+$/, 'name@domain, for example operator@vsphere.local'),
  password: passwordText.optional().describe('One is made up, and kept in the data directory, if left out.'),
  role: givenName.default('Admin').describe('A role of the system, or one of this vCenter.'),
});

const role = z.strictObject({
  name: givenName,
  privileges: z
    .array(
      z
        .string()
        .max(100)
        .regex(/^[A-Za-z]+(?:\.[A-Za-z]+)+$/, 'privilege ids such as Cryptographer.Migrate'),
    )
    .max(500),
});

const vcenter = z.strictObject({
  name: serviceName.describe('Instance name, for example vc-east.'),
  version: version.default('8.0.3'),
  port: port.default(0).describe('Port of the front door (HTTPS).'),
  roles: list(role, 100),
  users: list(user, 100).describe('administrator@vsphere.local is always there.'),
  clusters: list(cluster, 64),
  hosts: list(host, 1024).describe('Standalone hosts.'),
});

const standardProvider = z.strictObject({
  kind: z.literal('standard'),
  name: givenName,
  keyServers: z
    .array(serviceName)
    .min(1)
    .max(16)
    .describe('One key server cluster, by the names of its members.'),
  vcenters: z.array(serviceName).min(1).max(16).describe('vCenters where it is configured.'),
  default: z.boolean().default(false),
});

const nativeProvider = z.strictObject({
  kind: z.literal('native'),
  name: givenName,
  madeIn: serviceName.describe('vCenter that makes its key derivation key.'),
  importedBy: list(serviceName, 16).describe('vCenters that import its backup.'),
  tpmRequired: z.boolean().default(false).describe('Hosts without a TPM do not get its key.'),
  default: z.boolean().default(false),
});

const trustedProvider = z.strictObject({
  kind: z.literal('trusted'),
  name: givenName,
  trustAuthority: trustAuthorityNames,
  keyServers: z.array(serviceName).min(1).max(16).describe('Where its primary key is.'),
  vcenters: z.array(serviceName).min(1).max(16),
  default: z.boolean().default(false),
});

const vm = z.strictObject({
  name: givenName,
  host: serviceName,
  datastore: givenName.default('datastore1'),
  memoryMiB: z.number().int().min(1).max(65_536).default(4),
  disks: z
    .array(
      z.strictObject({
        sizeMiB: z
          .number()
          .int()
          .min(1)
          .max(2 ** 20),
      }),
    )
    .max(16)
    .default([{ sizeMiB: 8 }])
    .describe('Empty disks; ignored where directory or image is given.'),
  directory: path.optional().describe('A directory with a .vmx and flat VMDKs, to be imported.'),
  image: path.optional().describe('A raw disk image, to be copied as its disk.'),
  provider: givenName.optional().describe('Key provider that encrypts it; it is not encrypted without.'),
  migrateEncryption: z
    .enum(['disabled', 'opportunistic', 'required'])
    .optional()
    .describe('Encrypted vMotion of an unencrypted VM.'),
  powerOn: z.boolean().default(false),
});

/** The shape of a topology file, before names are checked against each other. */
export const topologyShape = z.strictObject({
  name: givenName.default('lab'),
  certificateAuthority: z
    .strictObject({ commonName: givenName.default('kpsim management CA') })
    .prefault({})
    .describe('Signs the certificates of all services and clients.'),
  keyServers: list(keyServer, 32),
  trustAuthorities: list(trustAuthority, 16),
  vcenters: list(vcenter, 16),
  providers: list(
    z.discriminatedUnion('kind', [standardProvider, nativeProvider, trustedProvider]),
    256,
  ).describe('Key providers; the same name may stand for different ones in different vCenters.'),
  vms: list(vm, 1024),
});

/** A topology, defaults filled in. */
export type Topology = z.output<typeof topologyShape>;
/** A topology as a user writes it. */
export type TopologyInput = z.input<typeof topologyShape>;
/** A key server of a topology. */
export type KeyServerSpec = Topology['keyServers'][number];
/** A Trust Authority of a topology. */
export type TrustAuthoritySpec = Topology['trustAuthorities'][number];
/** A vCenter of a topology. */
export type VcenterSpec = Topology['vcenters'][number];
/** A cluster of a vCenter. */
export type ClusterSpec = VcenterSpec['clusters'][number];
/** A host, in a cluster or standalone. */
export type HostSpec = ClusterSpec['hosts'][number];
/** A key provider of a topology. */
export type ProviderSpec = Topology['providers'][number];
/** A VM of a topology. */
export type VmSpec = Topology['vms'][number];
