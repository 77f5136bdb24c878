import * as z from 'zod';

const pem = z.string().min(1);

/** A user of a vCenter, `name@domain`, with the role that it gets on the whole inventory at first start. */
export const userConfigSchema = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(255)
    .regex(/^[^@\s]+@[^@\s]+$/, 'must be name@domain, for example administrator@vsphere.local'),
  password: z.string().min(1).max(1024),
  groups: z.array(z.string().min(1).max(255)).max(32).default([]),
  /** Name of a role of the system: `Admin`, `ReadOnly`, `NoAccess`, `NoCryptoAdmin`, `NoTrustedAdmin`; none leaves the user without permissions. */
  role: z.enum(['Admin', 'ReadOnly', 'NoAccess', 'NoCryptoAdmin', 'NoTrustedAdmin']).optional(),
});

/** Configuration of one vCenter. */
export const vcenterConfigSchema = z.strictObject({
  /** The instance's name, for example `vc-east`; also the subject of its client certificate. */
  name: z.string().min(1).max(80),
  host: z.string().min(1).default('127.0.0.1'),
  /** 0 lets the system choose. */
  port: z.number().int().min(0).max(65_535).default(0),
  /** Address by which clients reach the front door, where it is not the one it listens on. */
  publicUrl: z.url({ protocol: /^https$/ }).optional(),
  version: z
    .string()
    .regex(/^\d+\.\d+(\.\d+){0,2}$/, 'must be like 8.0.3')
    .default('8.0.3'),
  build: z.string().regex(/^\d+$/).default('24022515'),
  /** Server certificate of the front door, and client certificate towards hosts and services. */
  tls: z.strictObject({ certificatePem: pem, privateKeyPem: pem }),
  /** Authorities that hosts, other vCenters and services must come from. */
  trustedCaPem: pem,
  users: z.array(userConfigSchema).min(1).max(1000),
  /** Base address of this vCenter's native key provider service; without one, native providers are not offered. */
  nativeKeyProviderUrl: z.url({ protocol: /^https$/ }).optional(),
  /** A session that is not used for so long ends. */
  sessionIdleSeconds: z.number().int().min(1).max(86_400).default(1800),
  sessionLimit: z.number().int().min(1).max(100_000).default(1000),
  /** How often hosts are asked how they stand; every request asks again for what is older than a second. */
  hostRefreshSeconds: z.number().int().min(1).max(3600).default(30),
});

/** A vCenter's configuration, defaults filled in. */
export type VcenterConfig = z.output<typeof vcenterConfigSchema>;
/** A vCenter's configuration as a user writes it. */
export type VcenterConfigInput = z.input<typeof vcenterConfigSchema>;
/** One user of the configuration. */
export type UserConfig = VcenterConfig['users'][number];
