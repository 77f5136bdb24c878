import type { Clock } from '../../core/clock.js';
import { CertificateAuthority } from '../../core/pki/index.js';

/** The maker of TPMs: a root, and below it the authority that issues endorsement certificates. */
export interface TpmVendor {
  readonly root: CertificateAuthority;
  readonly issuing: CertificateAuthority;
}

/** Founds a maker of TPMs. */
export async function createTpmVendor(
  options: { readonly name?: string; readonly clock?: Clock } = {},
): Promise<TpmVendor> {
  const name = options.name ?? 'kpsim TPM vendor';
  const root = await CertificateAuthority.create({
    commonName: `${name} root CA`,
    ...(options.clock === undefined ? {} : { clock: options.clock }),
  });
  return { root, issuing: await root.createIntermediate(`${name} EK CA`) };
}
