import type { Clock } from '../../core/clock.js';
import { CertificateAuthority } from '../../core/pki/index.js';

/** The maker of TPMs: a root, and below it the authorities that issue endorsement certificates. */
export interface TpmVendor {
  readonly root: CertificateAuthority;
  readonly issuing: CertificateAuthority;
  /** An authority whose certificate the root has revoked. */
  readonly revoked: CertificateAuthority;
  /** The root's revocation list (PEM), which names `revoked`. */
  readonly crlPem: string;
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
  const issuing = await root.createIntermediate(`${name} EK CA`);
  const revoked = await root.createIntermediate(`${name} revoked EK CA`);
  const crlPem = await root.revocationList([revoked.certificate.serialNumber]);
  return { root, issuing, revoked, crlPem };
}
