import { X509Certificate } from 'node:crypto';

import { expect, it } from 'vitest';

import { x509 } from '../../core/pki/x509.js';
import type { RunningVcenter } from './site.js';
import { Site, addCluster, addDatacenter, addHost, addVm, faultOf, ref } from './site.js';

const CRYPTO = ['CryptoManagerKmip', 'CryptoManager'] as const;
const provider = (id: string) => ({ _typeName: 'KeyProviderId', id }) as const;

/** Names of the KMIP operations that a key server was asked for, in order. */
function operations(kms: {
  context: { journal: { entries(): readonly { operation: string }[] } };
}): string[] {
  return kms.context.journal.entries().map(({ operation }) => operation);
}

async function clusterWithHost(site: Site, vc: RunningVcenter) {
  const datacenter = await addDatacenter(vc);
  const { cluster, pool } = await addCluster(vc, datacenter, 'east');
  const esx = await site.startHost('esx-1');
  return { esx, host: await addHost(vc, cluster, esx), cluster, pool, folder: datacenter.vmFolder };
}

it('speaks to a key server as vCenter does: create, tag the product, use, tag the owner', async () => {
  const site = await Site.create();
  const [kms, vc] = await Promise.all([site.startKms(), site.startVcenter('vc-east')]);
  await site.addStandardProvider(vc, 'skp-1', kms);
  const result = await vc.client.invoke(...CRYPTO, 'GenerateKey', { keyProvider: provider('skp-1') });
  expect(result).toMatchObject({ success: true, keyId: { providerId: { id: 'skp-1' } } });
  const tagging = ['DiscoverVersions', 'GetAttributes', 'GetAttributes', 'GetAttributes'];
  const added = ['AddAttribute', 'AddAttribute', 'AddAttribute'];
  expect(operations(kms).map((name) => name.replaceAll(' ', ''))).toEqual([
    ...['DiscoverVersions', 'Create'],
    ...[...tagging, ...added],
    ...['DiscoverVersions', 'Get', 'GetAttributes', 'Activate'],
    ...[...tagging, ...added],
  ]);
});

it('takes keys off its own list and the hosts, and leaves them on the key server', async () => {
  const site = await Site.create();
  const [kms, vc] = await Promise.all([site.startKms(), site.startVcenter('vc-east')]);
  await site.addStandardProvider(vc, 'skp-1', kms);
  const { esx, pool, folder } = await clusterWithHost(site, vc);
  const vm = await addVm(vc, { name: 'ledger', folder, pool, provider: 'skp-1' });
  const { keyId } = (await vc.client.property('VirtualMachine', vm, 'config')) ?? {};
  const status = await vc.client.invoke(...CRYPTO, 'QueryCryptoKeyStatus', {
    keyIds: [keyId!],
    checkKeyBitMap: 7,
  });
  expect(status).toMatchObject([{ keyAvailable: true, encryptedVMs: [{ value: vm }] }]);
  const used = await vc.client.invoke(...CRYPTO, 'RemoveKeys', { keys: [keyId!], force: false });
  expect(used).toMatchObject([{ success: false }]);
  await vc.client.run('VirtualMachine', vm, 'Destroy_Task', {});
  await vc.client.invoke(...CRYPTO, 'RemoveKey', { key: keyId!, force: false });
  const left = await vc.client.invoke(...CRYPTO, 'ListKeys', {});
  expect(left?.map((id) => id.keyId)).not.toContain(keyId!.keyId);
  expect((await esx.client.listKeys()).map((id) => id.keyId)).not.toContain(keyId!.keyId);
  expect(operations(kms).filter((name) => /Destroy|Revoke/.test(name))).toEqual([]);
  const still = await vc.client.invoke(...CRYPTO, 'QueryCryptoKeyStatus', {
    keyIds: [keyId!],
    checkKeyBitMap: 1,
  });
  expect(still).toMatchObject([{ keyAvailable: true }]);
});

it('says why a key cannot be had', async () => {
  const site = await Site.create();
  const [kms, vc] = await Promise.all([site.startKms(), site.startVcenter('vc-east')]);
  await site.addStandardProvider(vc, 'skp-1', kms);
  const reasonOf = async (id: string, name: string): Promise<string | undefined> => {
    const keyIds = [{ _typeName: 'CryptoKeyId', keyId: id, providerId: provider(name) }] as const;
    const [row] =
      (await vc.client.invoke(...CRYPTO, 'QueryCryptoKeyStatus', { keyIds, checkKeyBitMap: 1 })) ?? [];
    expect(row?.keyAvailable).toBe(false);
    return row?.reason;
  };
  expect(await reasonOf('no-such-key', 'skp-1')).toBe('KeyStateMissingInKMS');
  expect(await reasonOf('any', 'nowhere')).toBe('KeyStateClusterInvalid');
  await kms.service.stop();
  expect(await reasonOf('no-such-key', 'skp-1')).toBe('KeyStateClusterUnreachable');
  expect(await vc.client.invoke(...CRYPTO, 'IsKmsClusterActive', { cluster: provider('skp-1') })).toBe(false);
});

it('goes to the next key server of a provider when one is down', async () => {
  const site = await Site.create();
  const [first, second, vc] = await Promise.all([
    site.startKms(),
    site.startKms(),
    site.startVcenter('vc-east'),
  ]);
  await site.addStandardProvider(vc, 'skp-1', first);
  await vc.client.invoke(...CRYPTO, 'RegisterKmipServer', {
    server: {
      _typeName: 'KmipServerSpec',
      clusterId: provider('skp-1'),
      info: { _typeName: 'KmipServerInfo', name: 'kms-2', address: second.host, port: second.port },
    },
  });
  await first.service.stop();
  const result = await vc.client.invoke(...CRYPTO, 'GenerateKey', { keyProvider: provider('skp-1') });
  expect(result.success).toBe(true);
  const status = (await vc.client.run(...CRYPTO, 'RetrieveKmipServersStatus_Task', {})) as unknown as {
    _value: { overallStatus: string; servers: { status: string }[] }[];
  };
  expect(status._value[0]).toMatchObject({
    overallStatus: 'yellow',
    servers: [{ status: 'red' }, { status: 'green' }],
  });
});

it('gets its client certificate signed by the authority of the key server, and shows the server certificate for approval', async () => {
  const site = await Site.create();
  const [kms, vc] = await Promise.all([site.startKms(), site.startVcenter('vc-east')]);
  await vc.client.invoke(...CRYPTO, 'RegisterKmipServer', {
    server: {
      _typeName: 'KmipServerSpec',
      clusterId: provider('skp-1'),
      info: { _typeName: 'KmipServerInfo', name: 'kms-1', address: kms.host, port: kms.port },
    },
  });
  const cluster = provider('skp-1');
  expect(await vc.client.invoke(...CRYPTO, 'IsKmsClusterActive', { cluster })).toBe(false);
  const shown = await vc.client.invoke(...CRYPTO, 'RetrieveKmipServerCert', {
    keyProvider: cluster,
    server: { _typeName: 'KmipServerInfo', name: 'kms-1', address: kms.host, port: kms.port },
  });
  expect(shown.clientTrustServer).toBe(false);
  await vc.client.invoke(...CRYPTO, 'UploadKmipServerCert', { cluster, certificate: shown.certificate });

  const pem = await vc.client.invoke(...CRYPTO, 'GenerateClientCsr', {
    cluster,
    request: {
      _typeName: 'CryptoManagerKmipCertSignRequest',
      commonName: 'vc-east',
      organization: 'Example, Inc.',
    },
  });
  const csr = new x509.Pkcs10CertificateRequest(pem);
  expect(await csr.verify()).toBe(true);
  expect(csr.subject).toContain('CN=vc-east');
  const signed = site.ca.issueFor(await csr.publicKey.export(), { commonName: 'vc-east' });
  await vc.client.invoke(...CRYPTO, 'UpdateKmsSignedCsrClientCert', {
    cluster,
    certificate: signed.toString(),
  });
  const now = new X509Certificate(await vc.client.invoke(...CRYPTO, 'RetrieveClientCert', { cluster }));
  expect(now.subject).toBe('CN=vc-east');
  expect(await vc.client.invoke(...CRYPTO, 'IsKmsClusterActive', { cluster })).toBe(true);

  const other = await site.ca.issueClient({ commonName: 'other' });
  const mismatch = vc.client.invoke(...CRYPTO, 'UploadClientCert', {
    cluster,
    certificate: signed.toString(),
    privateKey: other.privateKeyPem,
  });
  expect((await faultOf(mismatch)).fault).toBe('InvalidArgument');
});

it('keeps defaults of the vCenter and of a cluster, and lists providers by kind', async () => {
  const site = await Site.create();
  const [kms, vc] = await Promise.all([site.startKms(), site.startVcenter('vc-east')]);
  const datacenter = await addDatacenter(vc);
  const { cluster } = await addCluster(vc, datacenter, 'east');
  await site.addStandardProvider(vc, 'skp-1', kms);
  await vc.client.invoke(...CRYPTO, 'RegisterKmsCluster', {
    clusterId: provider('tkp-1'),
    managementType: 'trustAuthority',
  });
  const wrong = vc.client.invoke(...CRYPTO, 'RegisterKmsCluster', { clusterId: provider('x') });
  expect((await faultOf(wrong)).fault).toBe('InvalidArgument');
  const entity = ref('ClusterComputeResource', cluster);
  await vc.client.invoke(...CRYPTO, 'SetDefaultKmsCluster', { entity, clusterId: provider('tkp-1') });
  expect(await vc.client.invoke(...CRYPTO, 'GetDefaultKmsCluster', { entity })).toMatchObject({
    id: 'tkp-1',
  });
  expect(await vc.client.invoke(...CRYPTO, 'GetDefaultKmsCluster', {})).toMatchObject({ id: 'skp-1' });
  const trusted = await vc.client.invoke(...CRYPTO, 'ListKmsClusters', { managementTypeFilter: 2 });
  expect(trusted).toMatchObject([
    {
      clusterId: { id: 'tkp-1' },
      managementType: 'trustAuthority',
      useAsEntityDefault: [{ value: cluster }],
    },
  ]);
  const generated = vc.client.invoke(...CRYPTO, 'GenerateKey', { keyProvider: provider('tkp-1') });
  expect((await faultOf(generated)).fault).toBe('InvalidArgument');
});

it('takes 32 key providers and no more, and no cluster default before 8.0 Update 1', async () => {
  const site = await Site.create();
  const vc = await site.startVcenter('vc-east', { version: '8.0.0' });
  const register = (name: string) =>
    vc.client.invoke(...CRYPTO, 'RegisterKmsCluster', {
      clusterId: provider(name),
      managementType: 'trustAuthority',
    });
  for (let index = 1; index <= 32; index += 1) await register(`tkp-${index}`);
  expect((await faultOf(register('tkp-33'))).faultMessage[0]?.key).toBe('kpsim.rule.EXT-7');
  expect((await faultOf(register('tkp-1'))).fault).toBe('AlreadyExists');
  const datacenter = await addDatacenter(vc);
  const { cluster } = await addCluster(vc, datacenter, 'east');
  const early = vc.client.invoke(...CRYPTO, 'SetDefaultKmsCluster', {
    entity: ref('ClusterComputeResource', cluster),
    clusterId: provider('tkp-1'),
  });
  expect((await faultOf(early)).faultMessage[0]?.key).toBe('kpsim.rule.EXT-7');
});
