import * as z from 'zod';

import { VERSION } from '../core/version.js';
import type { ItemTypeName, NameIn } from '../wire/kmip/index.js';
import { ITEM_TYPES, PROTOCOL_VERSIONS, enumerationRows } from '../wire/kmip/index.js';

/** Names of an enumeration's values, as a schema. */
function namesOf<
  E extends
    | 'Operation'
    | 'ObjectType'
    | 'AttestationType'
    | 'CryptographicAlgorithm'
    | 'ClientRegistrationMethod'
    | 'ValidationAuthorityType'
    | 'ValidationType',
>(enumeration: E) {
  return z.enum(Object.keys(enumerationRows(enumeration)) as NameIn<E>[]);
}

const THUMBPRINT = /^(?:[0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}$/;

/** Groups that operation policies may name as `group:<name>`. */
const groupsSchema = z.array(z.string().min(1).max(256)).max(256).default([]);

/** A client that is known: by the common name of its CA-signed certificate, or by the certificate itself. */
const clientSchema = z
  .strictObject({
    /** Subject common name of a certificate signed by the trusted CA. */
    commonName: z.string().min(1).max(256).optional(),
    /** SHA-256 of a pinned, usually self-signed certificate: hex, bytes separated by colons. */
    thumbprint: z.string().regex(THUMBPRINT).optional(),
    /** The pinned certificate itself; with it the server also names it as acceptable in the handshake. */
    certificatePem: z.string().min(1).optional(),
    /** Whose objects it sees; clients with the same owner share keys. */
    owner: z.string().min(1).max(256).optional(),
    groups: groupsSchema,
    /** Overrides the server's `requireClientAuthUsage`; pinned certificates need no usage unless this is true. */
    requireClientAuthUsage: z.boolean().optional(),
  })
  .refine((client) => client.commonName ?? client.thumbprint ?? client.certificatePem, {
    message: 'give commonName, thumbprint or certificatePem, so that the client can be recognised',
  });

/** A user name and password that requests may carry (KMIP 1.4 §2.1.2). */
const credentialSchema = z.strictObject({
  username: z.string().min(1).max(256),
  password: z.string().min(1).max(1024),
  /** Overrides the owner of the TLS client. */
  owner: z.string().min(1).max(256).optional(),
  groups: groupsSchema,
});

/** A device that requests may name (KMIP 1.4 §2.1.2); fields that are left out may be anything. */
const deviceSchema = z
  .strictObject({
    deviceSerialNumber: z.string().min(1).max(256).optional(),
    deviceIdentifier: z.string().min(1).max(256).optional(),
    networkIdentifier: z.string().min(1).max(256).optional(),
    machineIdentifier: z.string().min(1).max(256).optional(),
    mediaIdentifier: z.string().min(1).max(256).optional(),
    password: z.string().min(1).max(1024).optional(),
    /** Overrides the owner of the TLS client. */
    owner: z.string().min(1).max(256).optional(),
    groups: groupsSchema,
  })
  .refine(
    ({ password: _password, owner: _owner, groups: _groups, ...fields }) =>
      Object.values(fields).some((field) => field !== undefined),
    { message: 'give a serial number or an identifier, so that the device can be recognised' },
  );

/** One rule of an operation policy; the first that names operation and object type decides. */
const policyRuleSchema = z.strictObject({
  /** All types if absent. */
  objectTypes: z.array(namesOf('ObjectType')).min(1).optional(),
  /** All operations if absent. */
  operations: z.array(namesOf('Operation')).min(1).optional(),
  /** Nobody if empty. */
  allow: z
    .array(
      z.union([z.enum(['owner', 'everyone']), z.templateLiteral(['group:', z.string().min(1).max(256)])]),
    )
    .max(256),
});

/** The symmetric key that a fresh member of an object group is made as. */
const groupKeySchema = z.strictObject({
  algorithm: namesOf('CryptographicAlgorithm').default('AES'),
  lengthBits: z.number().int().min(8).max(65_536).default(256),
  /** Cryptographic Usage Mask; Encrypt and Decrypt. */
  usageMask: z.number().int().min(0).max(0x7fffffff).default(12),
});

/** The embedded store: a file in the data directory. */
const sqliteSchema = z.strictObject({ kind: z.literal('sqlite') });

/** A PostgreSQL database that the nodes of a cluster share. */
export const sharedDatabaseSchema = z.strictObject({
  /** `postgresql://user:password@host:port/database`; the fields below go before its parts. */
  url: z
    .url({ protocol: /^postgres(?:ql)?$/ })
    .max(4096)
    .refine((url) => new URL(url).search === '', {
      message: 'no parameters; the fields beside url set the rest',
    })
    .optional()
    .meta({ secret: true }),
  /** Name, address, or directory of a Unix socket. */
  host: z.string().min(1).max(1024).optional(),
  port: z.number().int().min(1).max(65_535).optional(),
  database: z.string().min(1).max(63).optional(),
  user: z.string().min(1).max(63).optional(),
  password: z.string().min(1).max(1024).optional().meta({ secret: true }),
  /** Turns TLS on, and verifies the database by this authority. */
  tls: z.strictObject({ caPem: z.string().min(1) }).optional(),
  /** Schema of its own for each cluster; made at the first start. */
  schema: z
    .string()
    .regex(/^[a-z_][a-z0-9_]{0,62}$/)
    .default('kpsim_kms'),
  /** Connections to the database, besides those of emulated replication lag. */
  connections: z.number().int().min(2).max(100).default(6),
});

const postgresqlSchema = sharedDatabaseSchema
  .extend({
    kind: z.literal('postgresql'),
    /** File with the key that key material is sealed with at rest: 32 bytes, or 64 hex digits. */
    atRestKeyFile: z.string().min(1).max(4096).optional(),
    /** Or the key itself. */
    atRestKeyHex: z
      .string()
      .regex(/^[0-9a-fA-F]{64}$/)
      .optional()
      .meta({ secret: true }),
  })
  .refine(
    ({ atRestKeyFile, atRestKeyHex }) => (atRestKeyFile === undefined) !== (atRestKeyHex === undefined),
    {
      message: 'give atRestKeyFile or atRestKeyHex, the same key to all nodes of the cluster',
    },
  );

const storeSchema = z.discriminatedUnion('kind', [sqliteSchema, postgresqlSchema]);

/** KMIP over HTTPS. */
const httpsSchema = z.strictObject({
  /** 0 takes any free port. */
  port: z.number().int().min(0).max(65_535),
  /** Path of the URL that requests are posted to. */
  path: z
    .string()
    .regex(/^\/[A-Za-z0-9._~/-]{0,255}$/)
    .default('/kmip'),
});

const shortText = z.string().min(1).max(256);
const informationText = shortText.optional();

/** A formal validation that Query asserts (KMIP 1.4 §2.1.20). */
const validationSchema = z.strictObject({
  authorityType: namesOf('ValidationAuthorityType'),
  authorityCountry: z.string().length(2).optional(),
  authorityUri: informationText,
  versionMajor: z.number().int().min(0).max(0x7fffffff),
  versionMinor: z.number().int().min(0).max(0x7fffffff).optional(),
  type: namesOf('ValidationType'),
  level: z.number().int().min(0).max(0x7fffffff),
  certificateIdentifier: informationText,
  certificateUri: informationText,
  vendorUri: informationText,
  profiles: z.array(shortText).max(100).optional(),
});

/** Configuration of a key server. */
export const kmsConfigSchema = z.strictObject({
  /** Instance name, as faults and metrics call it. */
  name: z.string().min(1).max(64).default('kms-1'),
  host: z.string().min(1).default('127.0.0.1'),
  /** 0 takes any free port. */
  port: z.number().int().min(0).max(65_535).default(5696),
  /** A second port, for XML, JSON and TTLV over HTTPS; none if absent. */
  https: httpsSchema.optional(),
  tls: z.strictObject({
    /** The server's certificate, followed by its issuers. */
    certificatePem: z.string().min(1),
    privateKeyPem: z.string().min(1),
    /** For the same key; what the fault `expiredCertificate` presents. */
    expiredCertificatePem: z.string().min(1).optional(),
  }),
  /** The CA whose client certificates are accepted; without it only pinned ones are. */
  trustedCaPem: z.string().min(1).optional(),
  /** Known clients. Any certificate of the trusted CA is accepted as well, unless `listedClientsOnly`. */
  clients: z.array(clientSchema).max(10_000).default([]),
  listedClientsOnly: z.boolean().default(false),
  /** Owner of a client that is given none: one for all of them, or each its own. */
  ownerPolicy: z.enum(['shared', 'per-client']).default('shared'),
  /** Whether client certificates that limit their extended key usage must name clientAuth (1.3.6.1.5.5.7.3.2). */
  requireClientAuthUsage: z.boolean().default(true),
  credentials: z.array(credentialSchema).max(10_000).default([]),
  /** Devices; without any, Device credentials prove nothing and are passed over. */
  devices: z.array(deviceSchema).max(10_000).default([]),
  /** Whether operations other than Query and Discover Versions need a credential. */
  credentialRequired: z.boolean().default(false),
  /** Operation policies by name (KMIP 1.4 §3.18), beside `default`, `public` and `private` or in their place. Objects that name none are under `default`. */
  policies: z.record(z.string().min(1).max(256), z.array(policyRuleSchema).max(1000)).default({}),
  /** Objects of others that no policy opens: as if there were none, or Permission Denied as KMIP 1.1 servers say. */
  foreignObjects: z.enum(['hidden', 'denied']).default('hidden'),
  /** Identifiers of imported objects: as the client gives them where they are free, or always the server's own, so that no client can try which ones others use. */
  importedIdentifiers: z.enum(['kept', 'assigned']).default('kept'),
  attestation: z
    .strictObject({
      /** Operations that clients must attest themselves for. */
      requiredFor: z.array(namesOf('Operation')).default([]),
      types: z.array(namesOf('AttestationType')).min(1).default(['TPMQuote']),
      /** Measurements and assertions that are right: hex. */
      accepted: z
        .array(z.hex().max(128 * 1024))
        .max(10_000)
        .default([]),
      nonceSeconds: z.number().int().min(1).max(86_400).default(300),
    })
    .prefault({}),
  /** Application Namespaces for which the server makes Application Data up (KMIP 1.4 §3.36). */
  applicationNamespaces: z.array(z.string().min(1).max(256)).max(1000).default([]),
  /** Object groups whose fresh members the server makes when there are none left (KMIP 1.4 §4.9). */
  generatedGroups: z.record(z.string().min(1).max(256), groupKeySchema).default({
    default: { algorithm: 'AES', lengthBits: 256, usageMask: 12 },
  }),
  /** Versions that are answered; requests of others are refused with Invalid Message. */
  protocolVersions: z
    .array(z.enum(PROTOCOL_VERSIONS))
    .min(1)
    .default([...PROTOCOL_VERSIONS]),
  /** Vendor Identification of Query (KMIP 1.4 §4.25). */
  vendorIdentification: z.string().min(1).max(256).default('kpsim'),
  /** Server Information of Query (KMIP 2.1 §7.37). */
  serverInformation: z
    .strictObject({
      serverName: informationText,
      serverSerialNumber: informationText,
      serverVersion: shortText.default(VERSION),
      serverLoad: informationText,
      productName: shortText.default('kpsim'),
      buildLevel: informationText,
      buildDate: informationText,
      clusterInfo: informationText,
      alternateFailoverEndpoints: z.array(shortText).max(64).optional(),
    })
    .prefault({}),
  /** Vendor extensions that Query lists (KMIP 1.4 §2.1.9). */
  extensions: z
    .array(
      z.strictObject({
        name: shortText,
        tag: z.number().int().min(0x540000).max(0x54ffff),
        type: z.enum(Object.keys(ITEM_TYPES) as ItemTypeName[]),
      }),
    )
    .max(1000)
    .default([]),
  /** Formal validations that Query asserts (KMIP 1.4 §2.1.20); kpsim has none. */
  validations: z.array(validationSchema).max(100).default([]),
  /** How clients become known to this server, as Query tells it (KMIP 1.4 §9.1.3.2.47). */
  clientRegistrationMethods: z.array(namesOf('ClientRegistrationMethod')).default(['ClientRegistered']),
  asynchronous: z
    .strictObject({
      enabled: z.boolean().default(true),
      /** Performed asynchronously where the client leaves it to the server. */
      operations: z.array(namesOf('Operation')).default(['CreateKeyPair', 'ReKeyKeyPair']),
      /** Delay before the work, so that clients have something to poll. */
      delayMs: z.number().int().min(0).max(600_000).default(0),
      /** What Poll does with a request that is not over: answer that it is pending, or finish it first. */
      onPoll: z.enum(['answer', 'finish']).default('answer'),
      /** How long results are kept. */
      resultSeconds: z.number().int().min(1).max(86_400).default(300),
      /** Batch items that are kept for one client. */
      requests: z.number().int().min(1).max(100_000).default(1000),
      /** Bytes that are kept for one client: of requests until they are performed, then of their results. */
      resultBytes: z
        .number()
        .int()
        .min(64 * 1024)
        .max(2 ** 36)
        .default(32 * 1024 * 1024),
      /** Bytes that are kept for all clients. */
      resultBytesOfAll: z
        .number()
        .int()
        .min(64 * 1024)
        .max(2 ** 36)
        .default(256 * 1024 * 1024),
    })
    .prefault({}),
  /** Tickets of Login and Delegated Login (KMIP 2.1 §6.1.30). */
  tickets: z
    .strictObject({
      /** Of tickets for which none is asked. */
      leaseSeconds: z.number().int().min(1).max(31_536_000).default(3600),
      maximumLeaseSeconds: z.number().int().min(1).max(31_536_000).default(86_400),
      /** Tickets that are out at once. */
      limit: z.number().int().min(1).max(1_000_000).default(10_000),
    })
    .prefault({}),
  /** RNG Seed (KMIP 1.4 §4.36), whose outcome the specification leaves to the server. */
  rng: z
    .strictObject({
      /** What becomes of seed material: it is mixed into what RNG Retrieve gives, ignored, or refused with Permission Denied. */
      seed: z.enum(['use', 'ignore', 'refuse']).default('use'),
      /** Bytes of one request that are used at most. */
      seedBytes: z.number().int().min(1).max(65_536).default(65_536),
    })
    .prefault({}),
  /** Whether Interop Reset may destroy every object of the client that asks for it (KMIP 2.1 §6.1.26). */
  interopReset: z.boolean().default(false),
  /** How far a request's Time Stamp may be from the server's time (KMIP 1.4 §6.5); not looked at if absent. */
  timeStampSkewSeconds: z.number().int().min(0).max(31_536_000).optional(),
  /** Signs for Certify and Re-certify; the server makes an authority of its own if absent. */
  certificateAuthority: z
    .strictObject({ certificatePem: z.string().min(1), privateKeyPem: z.string().min(1) })
    .optional(),
  /** How long certificates are valid that name no Deactivation Date. */
  certificateDays: z.number().int().min(1).max(36_500).default(825),
  /** Lease Time of every cryptographic object (KMIP 1.4 §3.20). */
  leaseSeconds: z.number().int().min(0).max(0xffffffff).default(3600),
  store: storeSchema.default({ kind: 'sqlite' }),
  limits: z
    .strictObject({
      /** Largest request, in bytes. */
      messageBytes: z
        .number()
        .int()
        .min(1024)
        .max(64 * 1024 * 1024)
        .default(1024 * 1024),
      /** Largest response, in bytes; a request whose answer would be larger is refused with Response Too Large. */
      responseBytes: z
        .number()
        .int()
        .min(64 * 1024)
        .max(1024 * 1024 * 1024)
        .default(16 * 1024 * 1024),
      connections: z.number().int().min(1).max(100_000).default(4096),
      /** Batch items of one request. */
      batchItems: z.number().int().min(1).max(10_000).default(256),
      /** Instances of one attribute of one object; more is Index Out of Bounds. */
      attributeInstances: z.number().int().min(1).max(100_000).default(1024),
      /** Objects that one Locate returns at most. */
      locatedItems: z.number().int().min(1).max(1_000_000).default(10_000),
      /** Objects that the Locates of one request look at, together; those that an index finds count alone. */
      searchedObjects: z.number().int().min(1).max(1_000_000_000).default(250_000),
      /** Cryptographic operations in several parts that are under way at once; those of one owner. */
      streams: z.number().int().min(0).max(100_000).default(1024),
      streamsPerOwner: z.number().int().min(0).max(100_000).default(256),
      /** Bytes kept for one of them, where its algorithm needs all of its data at once. */
      streamBytes: z
        .number()
        .int()
        .min(0)
        .max(2 ** 30)
        .default(1024 * 1024),
      /** From one part to the next. */
      streamSeconds: z.number().min(1).max(86_400).default(300),
      /** Bytes that one RNG Retrieve gives at most. */
      randomBytes: z
        .number()
        .int()
        .min(0)
        .max(16 * 1024 * 1024)
        .default(64 * 1024),
      handshakeSeconds: z.number().min(0.05).max(600).default(10),
      /** From the first byte of a request to its last, and for a client to take its response. */
      frameSeconds: z.number().min(0.05).max(600).default(30),
      /** Between requests. */
      idleSeconds: z.number().min(0.05).max(86_400).default(3600),
      /** Decoded objects kept in memory. */
      cachedObjects: z.number().int().min(0).max(1_000_000).default(10_000),
      /** Memory for them, roughly, in bytes. */
      cachedBytes: z
        .number()
        .int()
        .min(0)
        .max(2 ** 36)
        .default(64 * 1024 * 1024),
      /** Symmetric keys kept in memory besides, in plain, ready for a Get: about 90 bytes for each. */
      cachedKeys: z.number().int().min(0).max(10_000_000).default(2_000_000),
    })
    .prefault({}),
});

/** A validated configuration, defaults filled in. */
export type KmsConfig = z.output<typeof kmsConfigSchema>;
/** A configuration as a user writes it. */
export type KmsConfigInput = z.input<typeof kmsConfigSchema>;

/** Checks a configuration and fills in the defaults. @throws ZodError naming the fields that are wrong */
export function parseKmsConfig(input: KmsConfigInput): KmsConfig {
  return kmsConfigSchema.parse(input);
}
