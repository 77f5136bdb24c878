import * as z from 'zod';

import {
  MAX_TOKEN_LIFETIME_SECONDS,
  base64Bytes,
  consumerPrincipalSpec,
  networkAddress,
  serviceGroup,
  x509CertChain,
} from '../wire/attestation/index.js';
import { MAX_IMGDB_BYTES } from '../wire/esx-image/index.js';

/** A name that an administrator gives, for example to a provider or a certificate. */
export const givenName = z
  .string()
  .min(1)
  .max(80)
  .regex(/^[A-Za-z0-9 ._:()-]+$/, 'letters, digits, spaces and . _ : ( ) -')
  .refine((name) => name.trim() === name, { error: 'no space at its beginning or end' })
  .refine((name) => name !== '.' && name !== '..', { error: 'not . or .., which a path cannot name' });

/** `tpm2/settings` of an attestation service. */
export const attestationSettings = z.strictObject({
  require_endorsement_keys: z.boolean(),
  require_certificate_validation: z.boolean(),
});

const pem = z
  .string()
  .min(1)
  .max(512 * 1024);

/** Body of `POST tpm2/ca-certificates`; `crls` (PEM revocation lists of its certificates) is an own choice. */
export const caCertificateSpec = z.strictObject({
  name: givenName,
  cert_chain: x509CertChain,
  crls: z.array(pem).max(8).optional(),
});

/** Body of `POST tpm2/endorsement-keys`. */
export const endorsementKeySpec = z
  .strictObject({
    name: givenName,
    public_key: z.string().min(1).max(8192).optional(),
    certificate: z.string().min(1).max(16384).optional(),
  })
  .refine((spec) => (spec.public_key === undefined) !== (spec.certificate === undefined), {
    error: 'give either public_key or certificate',
  });

/** Body of `PUT raw-config`. */
export const rawConfigSpec = z.strictObject({
  configuration: z.string().min(1),
  /** Refuses a text that does not have it. */
  fingerprint: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'SHA-256 in hex')
    .optional(),
  last_update_time: z.string().max(64).optional(),
});

/** Body of `PUT /api/kpsim/attestation/cluster`. Own choice. */
export const clusterSpec = z.strictObject({
  members: z.array(z.strictObject({ address: networkAddress, certificate: pem })).max(15),
  replicate: z.boolean().default(true),
});

const kmipServer = z.strictObject({
  servers: z
    .array(z.strictObject({ name: givenName, address: networkAddress }))
    .min(1)
    .max(16),
  username: z.string().min(1).max(255).optional(),
});

/** `key_server` of a provider. */
export const keyServer = z.strictObject({
  type: z.literal('KMIP'),
  description: z.string().max(1024).optional(),
  proxy_server: networkAddress.optional(),
  /** Seconds. */
  connection_timeout: z.number().int().min(1).max(600).optional(),
  kmip_server: kmipServer.optional(),
});

const masterKeyId = z.string().min(1).max(255);

/** Body of `POST providers`. */
export const providerCreateSpec = z.strictObject({
  provider: givenName,
  master_key_id: masterKeyId,
  key_server: keyServer,
});

/** Body of `PATCH providers/{provider}`. */
export const providerUpdateSpec = z.strictObject({
  master_key_id: masterKeyId.optional(),
  key_server: keyServer.partial().optional(),
});

/** Body of `PUT providers/{provider}/client-certificate`. */
export const clientCertificateSpec = z.strictObject({
  certificate: pem,
  private_key: z.string().min(1).max(16384).optional(),
});

/** Body of `PUT providers/{provider}/server-certificates`. */
export const serverCertificatesSpec = z.strictObject({ certificates: z.array(pem).max(16) });

/** Body of `PUT providers/{provider}/credential`. */
export const credentialSpec = z.strictObject({ password: z.string().min(1).max(1024) });

/** Profiles of the consumer principals that may use a provider. */
export const entitledProfiles = z.array(z.uuid()).max(256);

/** Body of `PUT /api/kpsim/kms/providers/{provider}/entitlements`. */
export const entitlementsSpec = z.strictObject({ profiles: entitledProfiles });

/** Body of `POST /api/esx/trusted-infrastructure/attestation/services`. */
export const attestationServiceSpec = z.strictObject({
  address: networkAddress,
  trusted_CA: x509CertChain,
  group: serviceGroup,
});

/** What a new data directory begins with; what is there already stays as it is. */
const initialConfiguration = z.strictObject({
  settings: attestationSettings.partial().optional(),
  caCertificates: z.array(caCertificateSpec).default([]),
  endorsementKeys: z.array(endorsementKeySpec).default([]),
  /** Contents of `boot_imgdb.tgz` files, in base64. */
  baseImages: z.array(base64Bytes(MAX_IMGDB_BYTES)).default([]),
  attestationServices: z.array(attestationServiceSpec).default([]),
  consumerPrincipals: z.array(consumerPrincipalSpec).default([]),
  providers: z
    .array(
      providerCreateSpec.extend({
        clientCertificate: clientCertificateSpec.optional(),
        serverCertificates: z.array(pem).max(16).optional(),
        password: credentialSpec.shape.password.optional(),
      }),
    )
    .default([]),
});

const listener = {
  /** 0 lets the system choose. */
  port: z.number().int().min(0).max(65535).default(0),
};

/** Configuration of a Trust Authority: an attestation service and a key provider service of one group. */
export const trustAuthorityConfig = z.strictObject({
  name: givenName.default('ta-1'),
  host: z.string().min(1).default('127.0.0.1'),
  /** The key provider service accepts documents from attestation services of the same group only. */
  group: serviceGroup.default('group-1'),
  /** Certificate and key of both listeners, and of the client that fetches signing certificates. */
  tls: z.strictObject({ certificatePem: z.string(), privateKeyPem: z.string() }),
  /** Authorities of clients' certificates. */
  trustedCaPem: z.string(),
  /** Common names of the client certificates that may administrate. */
  administrators: z.array(z.string().min(1)).default([]),
  attestation: z
    .strictObject({
      ...listener,
      /** The URL in documents' `iss`, where it is not that of the listener. */
      externalUrl: z.url({ protocol: /^https$/ }).optional(),
      /** Life of documents. */
      tokenLifetimeSeconds: z
        .number()
        .int()
        .min(1)
        .max(MAX_TOKEN_LIFETIME_SECONDS)
        .default(8 * 3600),
      /** Time to answer a challenge. */
      challengeLifetimeSeconds: z.number().int().min(1).max(3600).default(60),
      /** Most host ids that hosts with one client certificate may attest under; a reinstalled host has a new one. */
      hostIdsPerCertificate: z.number().int().min(1).max(100_000).default(8),
    })
    .prefault({}),
  kms: z
    .strictObject({
      ...listener,
      /** Difference of clocks that is overlooked when documents are judged. */
      leewaySeconds: z.number().int().min(0).max(3600).default(60),
      /** How long a primary key stays in memory before the key server is asked again. */
      primaryKeyCacheSeconds: z.number().int().min(0).max(3600).default(30),
      /** How long signing certificates of attestation services are believed before they are fetched again. */
      signingCertificateCacheSeconds: z.number().int().min(1).max(86_400).default(300),
      /** How much longer they are believed while their service cannot be reached. */
      signingCertificateOutageSeconds: z
        .number()
        .int()
        .min(0)
        .max(31 * 86_400)
        .default(8 * 3600),
      /** Give keys only to hosts that also show a principal token of a registered consumer principal. */
      requirePrincipal: z.boolean().default(false),
      /** Accept documents of the attestation service beside it. */
      trustOwnAttestation: z.boolean().default(true),
    })
    .prefault({}),
  initial: initialConfiguration.prefault({}),
});

/** A validated configuration. */
export type TrustAuthorityConfig = z.output<typeof trustAuthorityConfig>;
/** A configuration as it is written, defaults not yet filled in. */
export type TrustAuthorityConfigInput = z.input<typeof trustAuthorityConfig>;
