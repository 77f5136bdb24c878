import { afterAll, beforeAll, expect, it } from 'vitest';

import { EndorsementPool } from '../../../host-agent/tpm/index.js';
import { rulesOf } from '../../../vcenter/index.js';
import { ATTESTATION_REASONS } from '../../../wire/attestation/index.js';
import type { TestKms } from '../../kms/harness.js';
import { startKms } from '../../kms/harness.js';
import type { TestTrustAuthority, TrustPki } from '../../trust-authority/harness.js';
import { makeTrustPki, startTrustAuthority } from '../../trust-authority/harness.js';
import type { RunningHost } from '../site.js';
import { ROOT, serviceSpec, trustServices } from '../trusted-infrastructure/services.js';
import { Site, addCluster, addHost, addVm, faultOf } from '../site.js';
import type { Side, SideWish } from './sides.js';
import { locate, startSide } from './sides.js';

const endorsementPool = new EndorsementPool();
let pki: TrustPki;
let keyServer: TestKms;
let ta: TestTrustAuthority;
let site: Site;

beforeAll(async () => {
  pki = await makeTrustPki();
  const { authority } = pki;
  site = Site.over(authority);
  keyServer = await startKms({
    authority,
    server: await authority.issueServer({ commonName: 'kms-1', ipAddresses: ['127.0.0.1'] }),
    east: await authority.issueClient({ commonName: 'vc-east' }),
    west: await authority.issueClient({ commonName: 'vc-west' }),
  });
  ta = await startTrustAuthority(pki);
  const administrator = keyServer.client();
  const primaryKey = await administrator.create();
  await administrator.activate(primaryKey);
  await ta.kms.providers.create({
    provider: 'tkp-1',
    master_key_id: primaryKey,
    key_server: {
      type: 'KMIP',
      kmip_server: { servers: [{ name: 'kms-1', address: { hostname: '127.0.0.1', port: keyServer.port } }] },
    },
  });
  const identity = await authority.issueClient({ commonName: 'tkp-1' });
  await ta.kms.providers.setClientCertificate('tkp-1', {
    certificate: identity.certificatePem,
    private_key: identity.privateKeyPem,
  });
  await ta.kms.providers.setServerCertificates('tkp-1', [authority.caPem]);
});

afterAll(async () => {
  await ta[Symbol.asyncDispose]();
  await keyServer[Symbol.asyncDispose]();
});

/** A side whose cluster is a trusted one, with the trusted provider as default. */
async function trustedSide(name: string, wish: SideWish = {}): Promise<Side> {
  const side = await startSide(site, name, {
    ...wish,
    host: { tpm: 'software', ...wish.host },
    parts: { tpmVendor: pki.vendor, endorsementPool },
  });
  const { client } = side.vc;
  await client.invoke('CryptoManagerKmip', 'CryptoManager', 'RegisterKmsCluster', {
    clusterId: { _typeName: 'KeyProviderId', id: 'tkp-1' },
    managementType: 'trustAuthority',
  });
  await client.invoke('CryptoManagerKmip', 'CryptoManager', 'MarkDefault', {
    clusterId: { _typeName: 'KeyProviderId', id: 'tkp-1' },
  });
  await trust(side, side.cluster);
  return side;
}

async function trust({ vc }: Side, cluster: string): Promise<void> {
  await trustServices(vc.client, cluster, { ta, caPem: pki.authority.caPem });
}

const trustedVm = (side: Side): Promise<string> =>
  addVm(side.vc, {
    name: 'secret',
    folder: side.folder,
    pool: side.pool,
    host: side.host,
    provider: 'tkp-1',
  });

it('moves a VM of a trusted key provider, running, to an attested host of another vCenter', async () => {
  const [east, west] = await Promise.all([trustedSide('east'), trustedSide('west')]);
  const vm = await trustedVm(east);
  await east.vc.client.run('VirtualMachine', vm, 'PowerOnVM_Task', {});
  await east.vc.client.run('VirtualMachine', vm, 'RelocateVM_Task', { spec: locate(west) });
  expect(await west.esx.client.listVms()).toMatchObject([{ name: 'secret', powerState: 'poweredOn' }]);
  const summary = await west.vc.client.property('HostSystem', west.host, 'summary');
  expect(summary).toMatchObject({
    tpmAttestation: { status: 'accepted' },
    trustAuthorityAttestationInfos: [{ attestationStatus: 'attested', serviceId: ta.attestationUrl }],
  });
});

it('refuses a host that fails attestation, and a host that is not trusted, by the rules for each', async () => {
  const [east, west] = await Promise.all([
    trustedSide('east'),
    trustedSide('west', { host: { attestationFaults: ['module-replaced'] } }),
  ]);
  const vm = await trustedVm(east);
  const unattested = await faultOf(
    east.vc.client.run('VirtualMachine', vm, 'RelocateVM_Task', { spec: locate(west) }),
  );
  expect(rulesOf(unattested)).toEqual(['TKP-1']);
  expect(unattested.message).toContain('base_image_not_trusted at base_image');
  expect(unattested.message).toContain(ATTESTATION_REASONS.base_image_not_trusted.remedy);

  const plain: RunningHost = await site.startHost('esx-plain');
  const { cluster, pool } = await addCluster(
    west.vc,
    { vmFolder: west.folder, hostFolder: west.hostFolder },
    'plain',
  );
  const host = await addHost(west.vc, cluster, plain);
  const precheck = (await east.vc.client.rest('POST', '/api/kpsim/vcenter/vms?action=precheck', {
    vm,
    spec: locate({ ...west, host, pool }),
  })) as { violations: { rule: string }[] };
  expect(precheck.violations.map(({ rule }) => rule)).toEqual(['XVC-2t', 'TKP-1', 'TKP-4', 'TKP-5', 'TKP-6']);
});

it('goes on running VMs of a host that is no longer attested, but powers on no others', async () => {
  const east = await trustedSide('east');
  const vm = await trustedVm(east);
  await east.vc.client.run('VirtualMachine', vm, 'PowerOnVM_Task', {});
  const other = await addVm(east.vc, {
    name: 'other',
    folder: east.folder,
    pool: east.pool,
    provider: 'tkp-1',
  });
  const elsewhere = serviceSpec('https://127.0.0.1:9', pki.authority.caPem);
  const service = await east.vc.client.rest('POST', `${ROOT}/attestation/services`, elsewhere);
  const used = `${ROOT}/trusted-clusters/${east.cluster}/attestation/services`;
  await east.vc.client.restTask('POST', used, { type: 'SERVICE', service });
  const [before] = (await east.vc.client.rest('POST', `${used}?action=query`, {
    address: [serviceSpec(ta.attestationUrl, '').address],
  })) as { service: string }[];
  await east.vc.client.restTask('DELETE', `${used}/${before?.service ?? ''}`);
  const fault = await faultOf(east.vc.client.run('VirtualMachine', other, 'PowerOnVM_Task', {}));
  expect(rulesOf(fault)).toEqual(['EXT-5']);
  expect(fault.message).toContain('https://127.0.0.1:9');
  expect((await east.vc.client.property('VirtualMachine', vm, 'runtime')).powerState).toBe('poweredOn');
});

it('takes a host into a trusted cluster that there is already, and again after the host has rebooted', async () => {
  const east = await trustedSide('east');
  const second = await site.startHost(
    'esx-2',
    { tpm: 'software' },
    { tpmVendor: pki.vendor, endorsementPool },
  );
  const host = await addHost(east.vc, east.cluster, second);
  expect((await second.client.trustedServices()).providers).toEqual(['tkp-1']);
  await east.vc.client.run('HostSystem', host, 'RebootHost_Task', { force: true });
  const vm = await addVm(east.vc, {
    name: 'secret',
    folder: east.folder,
    pool: east.pool,
    host,
    provider: 'tkp-1',
  });
  await east.vc.client.run('VirtualMachine', vm, 'PowerOnVM_Task', {});
});
