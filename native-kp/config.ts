import * as z from 'zod';

/** Key providers that one vCenter may have, of all kinds together (EXT-7). */
export const PROVIDER_LIMIT = 32;

/**
 * A provider's name: 1 to 80 printable ASCII characters, no space at either end. Own choice. A name is a segment of
 * paths, from which URL parsers take `.` and `..` out: such a provider could never be downloaded.
 */
export const providerName = z
  .string()
  .regex(
    /^(?!\.{1,2}$)[\x21-\x7e](?:[\x20-\x7e]{0,78}[\x21-\x7e])?$/,
    '1 to 80 printable ASCII characters, but not . or ..',
  );

/** Configuration of one native key provider service; there is one for each vCenter. */
export const nativeKpConfigSchema = z.strictObject({
  /** Instance name, for example `nkp-east`; also the name on its certificate towards hosts. */
  name: z.string().min(1).max(80),
  host: z.string().min(1).max(255).default('127.0.0.1'),
  /** 0 lets the system choose. */
  port: z.number().int().min(0).max(65_535).default(0),
  /** Server certificate, used towards hosts as client certificate too. */
  tls: z.strictObject({ certificatePem: z.string().min(1), privateKeyPem: z.string().min(1) }),
  /** The authority that vCenter's and the hosts' certificates come from. */
  trustedCaPem: z.string().min(1),
  /** Common name of the one client let in: the vCenter whose front door this service stands behind. */
  frontDoor: z.string().min(1).max(80),
  /**
   * Address under which clients reach vCenter, for download locations; where it is not given, the front door says so
   * with `x-forwarded-host`.
   */
  publicUrl: z.url({ protocol: /^https$/ }).optional(),
  /** Time between two rounds of bringing hosts up to date. */
  remediationIntervalSeconds: z.number().int().min(1).max(86_400).default(300),
  /** How long a change waits for hosts to take it before it is answered; remediation goes on after that. */
  pushWaitMs: z.number().int().min(0).max(60_000).default(3_000),
  /** Life of a download token. */
  downloadTokenSeconds: z.number().int().min(1).max(3_600).default(300),
});

/** A validated configuration. */
export type NativeKpConfig = z.output<typeof nativeKpConfigSchema>;
