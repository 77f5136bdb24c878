import { z } from 'zod';

import { PROTOCOL_VERSIONS } from '../wire/kmip/index.js';

const THUMBPRINT = /^(?:[0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}$/;

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
});

/** Configuration of a key server. */
export const kmsConfigSchema = z.strictObject({
  /** Instance name, as faults and metrics call it. */
  name: z.string().min(1).max(64).default('kms-1'),
  host: z.string().min(1).default('127.0.0.1'),
  /** 0 takes any free port. */
  port: z.number().int().min(0).max(65_535).default(5696),
  tls: z.strictObject({
    /** The server's certificate, followed by its issuers. */
    certificatePem: z.string().min(1),
    privateKeyPem: z.string().min(1),
  }),
  /** The CA whose client certificates are accepted; without it only pinned ones are. */
  trustedCaPem: z.string().min(1).optional(),
  /** Known clients. Any certificate of the trusted CA is accepted as well, unless `listedClientsOnly`. */
  clients: z.array(clientSchema).max(10_000).default([]),
  listedClientsOnly: z.boolean().default(false),
  /** Owner of a client that is given none: one for all of them, or each its own. */
  ownerPolicy: z.enum(['shared', 'per-client']).default('shared'),
  credentials: z.array(credentialSchema).max(10_000).default([]),
  /** Whether operations other than Query and Discover Versions need a credential. */
  credentialRequired: z.boolean().default(false),
  /** Versions that are answered; requests of others are refused with Invalid Message. */
  protocolVersions: z
    .array(z.enum(PROTOCOL_VERSIONS))
    .min(1)
    .default([...PROTOCOL_VERSIONS]),
  /** Vendor Identification of Query (KMIP 1.4 §4.25). */
  vendorIdentification: z.string().min(1).max(256).default('kpsim'),
  /** Lease Time of every cryptographic object (KMIP 1.4 §3.20). */
  leaseSeconds: z.number().int().min(0).max(0xffffffff).default(3600),
  store: z.strictObject({ kind: z.literal('sqlite').default('sqlite') }).default({ kind: 'sqlite' }),
  limits: z
    .strictObject({
      /** Largest request, in bytes. */
      messageBytes: z
        .number()
        .int()
        .min(1024)
        .max(64 * 1024 * 1024)
        .default(1024 * 1024),
      connections: z.number().int().min(1).max(100_000).default(4096),
      /** Batch items of one request. */
      batchItems: z.number().int().min(1).max(10_000).default(256),
      /** Instances of one attribute of one object; more is Index Out of Bounds. */
      attributeInstances: z.number().int().min(1).max(100_000).default(1024),
      /** Objects that one Locate returns at most. */
      locatedItems: z.number().int().min(1).max(1_000_000).default(10_000),
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
