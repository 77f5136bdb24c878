import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Lab } from '../../lab/index.js';
import { startLab, topologyOf } from '../../lab/index.js';

let lab: Lab;

beforeAll(async () => {
  lab = await startLab(
    topologyOf({
      keyServers: [{ name: 'kms-1' }],
      trustAuthorities: [{ name: 'ta-1' }, { name: 'ta-2' }],
      vcenters: [
        {
          name: 'vc-1',
          clusters: [
            {
              name: 'trusted',
              trustAuthority: ['ta-1', 'ta-2'],
              hosts: [{ name: 'esx-1' }, { name: 'esx-revoked', attestationFaults: ['ek-ca-revoked'] }],
            },
          ],
        },
      ],
      providers: [
        {
          kind: 'trusted',
          name: 'tkp-1',
          trustAuthority: ['ta-1', 'ta-2'],
          keyServers: ['kms-1'],
          vcenters: ['vc-1'],
        },
      ],
    }),
  );
}, 60_000);

afterAll(() => lab.stop());

describe('a lab with two Trust Authorities in one cluster', () => {
  it('has them configured alike, and knowing each other', async () => {
    for (const name of ['ta-1', 'ta-2']) {
      const attestation = await lab.trustAuthority(name).attestation();
      expect(await attestation.status()).toEqual({ health: 'OK', details: [] });
      expect((await attestation.cluster.get()).members).toMatchObject([{ reachable: true, health: 'OK' }]);
    }
  });

  it('knows what the maker of its TPMs has revoked', async () => {
    const client = await lab.host('esx-revoked').client();
    const { appraisals } = await client.attest();
    expect(appraisals.map(({ reason }) => reason)).toEqual(['ek_ca_revoked']);
  });

  it('goes on attesting at the service that is left', async () => {
    const client = await lab.host('esx-1').client();
    const before = await client.attest(true);
    expect(before.info).toMatchObject({
      status: 'attested',
      serviceId: lab.trustAuthority('ta-1').attestationEndpoint.url,
    });
    await lab.trustAuthority('ta-1').stop();
    const { info, appraisals } = await client.attest(true);
    expect(info).toMatchObject({
      status: 'attested',
      serviceId: lab.trustAuthority('ta-2').attestationEndpoint.url,
    });
    expect(appraisals.map(({ attested, reason }) => [attested, reason])).toEqual([
      [false, 'attestation_service_unreachable'],
      [true, undefined],
    ]);
    const status = await (await lab.trustAuthority('ta-2').attestation()).status();
    expect([status.health, status.details.map(({ id }) => id)]).toEqual([
      'WARNING',
      ['kpsim.attestation.status.member_unreachable'],
    ]);
  });
});
