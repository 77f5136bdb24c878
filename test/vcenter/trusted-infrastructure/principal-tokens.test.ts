import { expect, it } from 'vitest';

import { AdjustableClock } from '../../../core/clock.js';
import { createApp, startHttpsServer } from '../../../core/http/index.js';
import type { KeyAndCertificate } from '../../../core/pki/index.js';
import { CertificateAuthority, certificateX5tS256, selfSigned } from '../../../core/pki/index.js';
import type { HostEntity } from '../../../vcenter/inventory/entities.js';
import { PrincipalTokens } from '../../../vcenter/trusted-infrastructure/principal-tokens.js';
import type { SecurityTokenService } from '../../../vcenter/trusted-infrastructure/sts.js';
import { decodePrincipalToken } from '../../../wire/attestation/index.js';

it('binds the token of a host to the certificate that it shows now, and keeps it as long as that stays', async () => {
  const clock = new AdjustableClock();
  const key = await selfSigned({ commonName: 'sts', clock });
  const sts = {
    issuer: 'https://sts.kpsim.test',
    principal: { id: { name: 'vpxd', domain: 'vsphere.local' }, type: 'STS_USER' },
    key: () => Promise.resolve(key),
  } as unknown as SecurityTokenService;
  const tokens = new PrincipalTokens(sts, clock);
  const ca = await CertificateAuthority.create({ commonName: 'test CA' });
  const issue = (): Promise<KeyAndCertificate> =>
    ca.issueServer({ commonName: 'esx-1', ipAddresses: ['127.0.0.1'] });

  /** Tokens of the host while it shows a certificate, asked for twice. */
  const shown = async (tls: KeyAndCertificate): Promise<readonly string[]> => {
    const server = await startHttpsServer({ app: createApp(), host: '127.0.0.1', port: 0, tls });
    try {
      const host = { moid: 'host-1', address: server.url } as HostEntity;
      return [await tokens.tokenFor(host, ['group-1']), await tokens.tokenFor(host, ['group-1'])];
    } finally {
      await server.close();
    }
  };
  for (const identity of [await issue(), await issue()]) {
    const [token = '', again] = await shown(identity);
    expect(again).toBe(token);
    const bound = decodePrincipalToken(token)?.claims.cnf['x5t#S256'];
    expect(bound).toBe(certificateX5tS256(identity.certificatePem));
  }
});
