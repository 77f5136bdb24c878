import * as z from 'zod';

const filePath = z.string().min(1).max(4096);

/** Settings that every service has when it runs alone. */
export const COMMON_SETTINGS = {
  host: z
    .string()
    .min(1)
    .max(255)
    .default('127.0.0.1')
    .describe('Address to listen on; 0.0.0.0 for all of this machine.'),
  data: filePath
    .optional()
    .describe('Directory for keys, certificates and files; without it a temporary one, removed at exit.'),
  adminPort: z
    .number()
    .int()
    .min(0)
    .max(65_535)
    .default(0)
    .describe('Port of the admin listener (health, metrics, faults); 0 for any.'),
  adminHost: z
    .string()
    .min(1)
    .max(255)
    .default('127.0.0.1')
    .describe('Address of the admin listener; beyond loopback it needs an admin token.'),
  adminToken: z
    .string()
    .min(16)
    .max(1024)
    .optional()
    .describe('Asked for as Authorization: Bearer by the admin listener.')
    .meta({ secret: true }),
  logLevel: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .default('warn')
    .describe('Least severe log lines that go to standard error.'),
  tls: z
    .strictObject({
      certificate: filePath.describe('PEM file with the certificate of the service and its issuers.'),
      privateKey: filePath.describe('PEM file with its private key (PKCS#8).'),
      trustedCa: filePath.describe('PEM file with the authorities of client certificates.'),
    })
    .optional()
    .describe('Certificates of your own; without them the service makes an authority in its data directory.'),
} as const;

/** Values of {@link COMMON_SETTINGS}, checked. */
export type CommonSettings = z.output<z.ZodObject<typeof COMMON_SETTINGS>>;

/** The settings of a service without the common ones, as its own configuration has them. */
export function ownSettings<T extends object>(
  settings: T,
): Omit<T, keyof CommonSettings | 'host'> & { host: string } {
  const own = Object.entries(settings).filter(
    ([key]) => key === 'host' || !Object.hasOwn(COMMON_SETTINGS, key),
  );
  return Object.fromEntries(own) as Omit<T, keyof CommonSettings | 'host'> & { host: string };
}
