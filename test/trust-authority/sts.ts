import { CertificateAuthority } from '../../core/pki/index.js';
import type { KeyAndCertificate } from '../../core/pki/index.js';
import { signPrincipalToken } from '../../trust-authority/client.js';
import type { PrincipalTokenRequest } from '../../trust-authority/client.js';
import { systemClock } from '../../core/clock.js';
import type { ConsumerPrincipalSpec, StsPrincipal } from '../../wire/attestation/index.js';

/** A user of a vCenter's Security Token Service. */
export const VPXD: StsPrincipal = { id: { name: 'vpxd-1', domain: 'vsphere.local' }, type: 'STS_USER' };

/** The Security Token Service of a vCenter, with signing certificates of its own authority. */
export class TestSts {
  readonly issuer: string;
  readonly authority: CertificateAuthority;
  readonly signing: KeyAndCertificate;

  private constructor(issuer: string, authority: CertificateAuthority, signing: KeyAndCertificate) {
    this.issuer = issuer;
    this.authority = authority;
    this.signing = signing;
  }

  static async create(name = 'vc-east'): Promise<TestSts> {
    const authority = await CertificateAuthority.create({ commonName: `CA of ${name}` });
    const signing = await authority.issue({ commonName: `ssoserver-sign ${name}` });
    return new TestSts(`https://${name}.example/websso/SAML2/Metadata/vsphere.local`, authority, signing);
  }

  /** What the Trust Authority is told of a principal. */
  spec(principal: StsPrincipal = VPXD, signing = this.signing): ConsumerPrincipalSpec {
    return {
      principal,
      issuer: this.issuer,
      issuer_alias: 'workload vCenter',
      certificates: [{ cert_chain: [signing.certificatePem, this.authority.caPem] }],
    };
  }

  /** A token for a host. */
  token(
    host: KeyAndCertificate,
    request: Partial<PrincipalTokenRequest> = {},
    signing: Pick<KeyAndCertificate, 'certificatePem' | 'privateKeyPem'> = this.signing,
  ): string {
    return signPrincipalToken(
      {
        issuer: this.issuer,
        certificateChainPem: signing.certificatePem,
        privateKeyPem: signing.privateKeyPem,
      },
      {
        principal: VPXD,
        serviceGroups: ['group-1'],
        hostCertificatePem: host.certificatePem,
        nowMs: systemClock.now(),
        ...request,
      },
    );
  }
}
