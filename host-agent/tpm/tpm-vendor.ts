import { stat } from 'node:fs/promises';
import { join } from 'node:path';

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

/** How a maker of TPMs is founded. */
export interface TpmVendorOptions {
  readonly name?: string;
  readonly clock?: Clock;
}

/** Founds a maker of TPMs. */
export async function createTpmVendor(options: TpmVendorOptions = {}): Promise<TpmVendor> {
  const name = options.name ?? 'kpsim TPM vendor';
  const root = await CertificateAuthority.create({
    commonName: `${name} root CA`,
    ...(options.clock === undefined ? {} : { clock: options.clock }),
  });
  const issuing = await root.createIntermediate(`${name} EK CA`);
  const revoked = await root.createIntermediate(`${name} revoked EK CA`);
  return withRevocationList({ root, issuing, revoked });
}

/** The maker of TPMs whose keys are in a directory (mode 0700, files 0600); founded there if there is none. */
export async function openTpmVendor(directory: string, options: TpmVendorOptions = {}): Promise<TpmVendor> {
  const placeOf = (authority: 'root' | 'issuing' | 'revoked'): string => join(directory, authority);
  // The root is written last: where it is, everything is.
  if (await isFile(join(placeOf('root'), 'ca.pem'))) {
    const [root, issuing, revoked] = await Promise.all([
      CertificateAuthority.load(placeOf('root'), options.clock),
      CertificateAuthority.load(placeOf('issuing'), options.clock),
      CertificateAuthority.load(placeOf('revoked'), options.clock),
    ]);
    return withRevocationList({ root, issuing, revoked });
  }
  const vendor = await createTpmVendor(options);
  await vendor.issuing.save(placeOf('issuing'));
  await vendor.revoked.save(placeOf('revoked'));
  await vendor.root.save(placeOf('root'));
  return vendor;
}

/** With a list of now: an old one would count as stale. */
async function withRevocationList(authorities: Omit<TpmVendor, 'crlPem'>): Promise<TpmVendor> {
  const { root, revoked } = authorities;
  return { ...authorities, crlPem: await root.revocationList([revoked.certificate.serialNumber]) };
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true;
}
