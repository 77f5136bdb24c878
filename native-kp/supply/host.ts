import * as z from 'zod';

/** One host of the vCenter, as the vCenter tells of it. */
export const suppliedHostSchema = z.strictObject({
  /** Managed object id, for example `host-12`. */
  host: z.string().regex(/^[A-Za-z0-9._:-]{1,80}$/),
  name: z.string().min(1).max(255),
  /** Address of its host agent. */
  address: z.url({ protocol: /^https$/ }).max(1024),
  /** Whether it is in a cluster; native providers are for such hosts only. */
  clustered: z.boolean(),
  tpmPresent: z.boolean(),
});

/** Body of `PUT /internal/hosts`: all hosts there are. */
export const suppliedHostsSchema = z
  .array(suppliedHostSchema)
  .max(10_000)
  .refine((hosts) => new Set(hosts.map(({ host }) => host)).size === hosts.length, {
    error: 'every host may be named once',
  });

/** A host that is to be kept supplied with KDKs. */
export type SuppliedHost = z.output<typeof suppliedHostSchema>;

/** Why a host does not get a provider. */
export type Exclusion = 'not_in_cluster' | 'no_tpm';

/** Whether a host may have a provider; undefined if so. */
export function exclusionOf(
  host: Pick<SuppliedHost, 'clustered' | 'tpmPresent'>,
  provider: { readonly tpmRequired: boolean },
): Exclusion | undefined {
  if (!host.clustered) return 'not_in_cluster';
  return provider.tpmRequired && !host.tpmPresent ? 'no_tpm' : undefined;
}
