import * as z from 'zod';

import { TPM_KINDS } from './tpm/device/device.js';

const name = z.string().min(1).max(255);
/** Also the name of a directory, where no path is given. */
const datastoreName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9 ._()-]{0,41}$/, 'letters, digits, spaces and . _ ( ) -, at most 42');
const port = z.number().int().min(0).max(65_535);

/** One host agent. */
export const hostAgentConfigSchema = z.strictObject({
  /** The host's name, also the common name of its certificate; for example `esx-east-1`. */
  name,
  /** The host's UUID; made once and kept in the data directory unless given. */
  uuid: z.uuid().toLowerCase().optional(),
  /** Version of ESXi: below 6.5.0 the host knows neither encryption nor encrypted vMotion. */
  version: z
    .string()
    .regex(/^\d{1,2}\.\d{1,2}\.\d{1,2}$/, 'a version such as 8.0.3')
    .default('8.0.3'),
  build: z
    .string()
    .regex(/^\d{1,10}$/, 'a build number')
    .default('24022510'),
  /** Address of both listeners. */
  host: z.string().min(1).default('127.0.0.1'),
  /** HTTPS management listener; 0 lets the system choose. */
  port: port.default(0),
  /** Plain TCP vMotion listener; 0 lets the system choose. */
  vmotionPort: port.default(0),
  /** Where other hosts reach the vMotion listener, if not where it listens: behind a relay or a published port. */
  vmotionAddress: z
    .strictObject({ host: z.string().min(1).max(255), port: z.number().int().min(1).max(65_535) })
    .optional(),
  /** Where VMs lie: a directory, or one of the data directory unless given. */
  datastores: z
    .array(z.strictObject({ name: datastoreName, path: z.string().min(1).max(4096).optional() }))
    .min(1)
    .max(64)
    .refine((list) => new Set(list.map((row) => row.name)).size === list.length, 'names must differ')
    .default([{ name: 'datastore1' }]),
  /** `software`: the built-in TPM 2.0; `swtpm`: a swtpm process. Either keeps its state in the data directory. */
  tpm: z.enum(['none', ...TPM_KINDS]).default('software'),
  /**
   * Where the TPM takes frames in swtpm's manner, on 127.0.0.1; 0 lets the system choose. The port after it is that of
   * control commands. Not given, a software TPM listens nowhere and a swtpm on any ports.
   */
  tpmPort: z.number().int().min(0).max(65_534).optional(),
  /** The endorsement key that the host attests with; a Trust Authority expects RSA. */
  ekAlgorithm: z.enum(['rsa2048', 'p256']).default('rsa2048'),
  secureBoot: z.boolean().default(true),
  /** Rows of `host-agent/tpm/faults`: what is broken in this host's boot and evidence. */
  attestationFaults: z.array(name).max(64).default([]),
  /** Certificate of the listener and of the host as a client. */
  tls: z.strictObject({ certificatePem: z.string().min(1), privateKeyPem: z.string().min(1) }),
  /** Authorities from which clients' certificates must come. */
  trustedCaPem: z.string().min(1),
  /** Common names of the clients that may manage the host: its vCenter and its native key provider service. */
  administrators: z.array(name).min(1).max(64),
});

/** A validated configuration. */
export type HostAgentConfig = z.output<typeof hostAgentConfigSchema>;
/** A configuration as a user writes it. */
export type HostAgentConfigInput = z.input<typeof hostAgentConfigSchema>;

/** What a version of ESXi can do. */
export interface HostCapabilities {
  /** Encrypted vMotion and VM encryption: 6.5 and later. */
  readonly encryption: boolean;
  /** Native key providers: 7.0.2 and later (EXT-1). */
  readonly nativeKeyProvider: boolean;
  /** Trusted key providers: 7.0 and later, absent from 9.0 (EXT-1). */
  readonly trustAuthority: boolean;
}

/** Negative, zero or positive as one version such as `8.0.3` is older than, equal to or newer than another. */
export function compareVersions(left: string, right: string): number {
  return rankOf(left) - rankOf(right);
}

/** Capabilities of a version such as `8.0.3`. */
export function capabilitiesOf(version: string): HostCapabilities {
  return {
    encryption: compareVersions(version, '6.5.0') >= 0,
    nativeKeyProvider: compareVersions(version, '7.0.2') >= 0,
    trustAuthority: compareVersions(version, '7.0.0') >= 0 && compareVersions(version, '9.0.0') < 0,
  };
}

function rankOf(version: string): number {
  const [major = 0, minor = 0, update = 0] = version.split('.').map(Number);
  return major * 10_000 + minor * 100 + update;
}
