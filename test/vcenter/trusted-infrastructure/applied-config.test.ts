import { expect, it } from 'vitest';

import { decodePrincipalToken } from '../../../wire/attestation/index.js';
import { Site } from '../site.js';
import { startSide } from '../migration/sides.js';
import { ROOT } from './services.js';

/** A side whose cluster is to use one key provider service and one attestation service; nobody is at either address. */
async function trustedSide() {
  const site = await Site.create();
  const side = await startSide(site, 'east');
  const { client } = side.vc;
  const spec = (port: number): Record<string, unknown> => ({
    address: { hostname: '127.0.0.1', port },
    trusted_CA: { cert_chain: [site.ca.caPem] },
    group: 'group-1',
    trust_authority_cluster: 'ta-cluster',
  });
  for (const [kind, port] of [
    ['attestation', 9],
    ['kms', 10],
  ] as const) {
    const service = await client.rest('POST', `${ROOT}/${kind}/services`, spec(port));
    const path = `${ROOT}/trusted-clusters/${side.cluster}/${kind}/services`;
    await client.restTask('POST', path, { type: 'SERVICE', service });
  }
  const path = `${ROOT}/trusted-clusters/${side.cluster}`;
  return {
    ...side,
    path,
    health: async (): Promise<unknown> =>
      ((await client.restTask('GET', `${path}/services-applied-config`)) as { health: string }).health,
  };
}

it('is OK while hosts have what is desired, ERROR once they differ, and OK again after remediation', async () => {
  const { vc, esx, path, health } = await trustedSide();
  expect(await health()).toBe('OK');
  const stranger = (await Site.create()).ca.caPem;
  const applied = await esx.client.trustedServices();
  await esx.client.setTrustedServices({
    ...applied,
    attestation: applied.attestation.map((one) => ({ ...one, group: 'group-2', trusted_CA: stranger })),
  });
  expect(await health()).toBe('ERROR');
  const of = `${path}/attestation/services-applied-config`;
  const info = await vc.client.restTask('GET', `${of}?hostname=127.0.0.1&port=9`);
  expect(info).toMatchObject({
    health: 'ERROR',
    address: { hostname: '127.0.0.1', port: 9 },
    groups: ['group-2'],
    trustedc_as: [{ cert_chain: [stranger] }],
  });
  expect(await vc.client.restTask('POST', `${of}?action=query`, { health: ['OK'] })).toEqual([]);
  expect(await vc.client.restTask('POST', `${path}/kms/services-applied-config?action=query`)).toMatchObject([
    { health: 'OK' },
  ]);
  await vc.client.restTask('PATCH', of);
  expect(await health()).toBe('OK');
  expect(await esx.client.trustedServices()).toEqual(applied);
});

it('tells of services that are not desired, and that it is unknown what a host has that does not answer', async () => {
  const { vc, esx, path, health } = await trustedSide();
  const applied = await esx.client.trustedServices();
  const foreign = { ...applied.kms[0]!, address: 'https://127.0.0.1:11' }; // the cluster uses one
  await esx.client.setTrustedServices({ ...applied, kms: [...applied.kms, foreign] });
  const listed = await vc.client.restTask('POST', `${path}/kms/services-applied-config?action=query`);
  expect(listed).toEqual([
    { health: 'OK', address: { hostname: '127.0.0.1', port: 10 }, service: expect.any(String) as string },
    { health: 'ERROR', address: { hostname: '127.0.0.1', port: 11 } },
  ]);
  await vc.client.restTask('PATCH', `${path}/services-applied-config`);
  expect(await health()).toBe('OK');
  await esx.service.stop();
  expect(await health()).toBe('NONE');
  await expect(vc.client.restTask('PATCH', `${path}/services-applied-config`)).rejects.toThrow(
    /do not answer: esx-east/,
  );
});

it('takes services from hosts and leaves what is desired', async () => {
  const { vc, esx, path, health } = await trustedSide();
  await vc.client.restTask('DELETE', `${path}/kms/services-applied-config`);
  const left = await esx.client.trustedServices();
  expect([left.attestation.length, left.kms.length]).toEqual([1, 0]);
  expect(await health()).toBe('ERROR');
  expect(await vc.client.rest('POST', `${path}/kms/services?action=query`)).toHaveLength(1);
});

it('gives each trusted host a principal token of its vCenter, for that host alone', async () => {
  const { vc, esx } = await trustedSide();
  const { principal } = await esx.client.trustedServices();
  const told = (await vc.client.rest('GET', `${ROOT}/principal`)) as { issuer: string; name: string };
  const decoded = decodePrincipalToken(principal ?? '');
  expect(decoded?.claims).toMatchObject({
    iss: told.issuer,
    sub: told.name,
    aud: ['kpsim:principal:group-1'],
  });
});
