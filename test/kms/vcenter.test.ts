import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { KeyAndCertificate } from '../../core/pki/index.js';
import { selfSigned } from '../../core/pki/index.js';
import type { KmipClient } from '../../kms/client.js';
import { payloadOf, vcenterBatchItemIds } from '../../kms/client.js';
import { requestBytes } from '../../kms/client/session.js';
import { attributeOf } from '../../wire/kmip/index.js';
import type { TestKms, TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';

/** What captures of vCenter 7.0.3 and 8.0.1 show. */
describe('vCenter as a client', () => {
  let pki: TestPki;
  let kms: TestKms;
  let vcenter: KeyAndCertificate;
  let client: KmipClient;

  beforeAll(async () => {
    pki = await makePki();
    // vCenter's own certificate signs itself and names no extended key usage.
    vcenter = await selfSigned({ commonName: 'kmipClient20260101' });
    kms = await startKms(pki, {
      clients: [{ certificatePem: vcenter.certificatePem, owner: 'lab' }],
      credentials: [{ username: 'vcenter', password: 'S3cret!' }],
    });
    client = kms.client(
      {
        protocolVersion: '1.1',
        batchItemId: vcenterBatchItemIds(),
        credential: { username: 'vcenter', password: 'S3cret!' },
        credentialOperations: ['Create', 'Get', 'GetAttributes', 'Activate'],
      },
      vcenter,
    );
  });
  afterAll(async () => {
    await kms[Symbol.asyncDispose]();
  });

  test('establishes trust: an empty connection, Discover Versions twice, Query for the server', async () => {
    await client.probe();
    const versions = await client.withConnection(async (connection) => {
      const greeting = [{ operation: 'DiscoverVersions', payload: {} }] as const;
      await connection.request(greeting, { withoutBatchItemId: true });
      return payloadOf('DiscoverVersions', await connection.request(greeting));
    });
    expect(versions.protocolVersions).toContainEqual({ major: 1, minor: 1 });
    expect((await client.query(['QueryServerInformation'])).vendorIdentification).toBe('kpsim');
  });

  test('makes, tags and uses a key before it is active', async () => {
    const id = await client.create({ algorithm: 'AES', usageMask: 12, lengthBits: 256 });
    for (const name of ['x-Product_Version', 'x-Vendor', 'x-Product']) {
      expect(await client.getAttributes(id, [name])).toEqual([]);
    }
    await client.addAttributes(id, [
      { name: 'x-Product_Version', value: '7.0.3 build-19480866' },
      { name: 'x-Vendor', value: 'VMware, Inc.' },
      { name: 'x-Product', value: 'VMware vSphere' },
    ]);
    expect((await client.get(id)).keyBytes).toHaveLength(32);
    expect(await client.getAttributes(id, ['State'])).toEqual([{ name: 'State', value: 'PreActive' }]);
    await client.activate(id);
    expect(await client.getAttributes(id, ['State'])).toEqual([{ name: 'State', value: 'Active' }]);
    expect(await client.getAttributes(id, ['x-Product'])).toEqual([
      { name: 'x-Product', value: { type: 'TextString', value: 'VMware vSphere' } },
    ]);
  });

  test('is reproduced to the byte by the client', () => {
    const form = { protocolVersion: '1.1', batchItemId: vcenterBatchItemIds() } as const;
    const greeting = requestBytes(form, [{ operation: 'DiscoverVersions', payload: {} }], {
      withoutBatchItemId: true,
    });
    expect(greeting.toString('hex')).toBe(
      '4200780100000060' +
        '4200770100000038' +
        '4200690100000020' +
        '42006a02000000040000000100000000' +
        '42006b02000000040000000100000000' +
        '42000d02000000040000000100000000' +
        '42000f0100000018' +
        '42005c05000000040000001e00000000' +
        '4200790100000000',
    );
    const attributes = [
      attributeOf('CryptographicAlgorithm', 'AES'),
      attributeOf('CryptographicUsageMask', 12),
      attributeOf('CryptographicLength', 256),
    ];
    const create = requestBytes(form, [
      { operation: 'Create', payload: { objectType: 'SymmetricKey', templateAttribute: { attributes } } },
    ]).toString('hex');
    // Unique Batch Item ID: QLKC and a counter.
    expect(create).toContain('4200930800000008514c4b4300000000');
    const order = ['416c676f726974686d', '5573616765204d61736b', '4c656e677468'].map((text) =>
      create.indexOf(text),
    );
    expect(order).toEqual([...order].sort((left, right) => left - right));
  });

  test('shares keys with another vCenter of the same owner, but not with others', async () => {
    const id = await client.create();
    const second = await selfSigned({ commonName: 'kmipClient2' });
    await using both = await startKms(pki, {
      clients: [
        { certificatePem: vcenter.certificatePem, owner: 'lab' },
        { certificatePem: second.certificatePem, owner: 'lab' },
        { commonName: 'vc-west', owner: 'elsewhere' },
      ],
    });
    const first = both.client({}, vcenter);
    const shared = await first.create();
    expect((await both.client({}, second).get(shared)).keyBytes).toEqual((await first.get(shared)).keyBytes);
    await expect(both.client({}, pki.west).get(shared)).rejects.toMatchObject({ reason: 'ItemNotFound' });
    expect(await both.client({}, pki.west).locate()).toEqual([]);
    expect(id).not.toBe(shared);
  });

  test('is refused when the password is wrong', async () => {
    const wrong = kms.client({ credential: { username: 'vcenter', password: 'wrong' } }, vcenter);
    await expect(wrong.create()).rejects.toMatchObject({ reason: 'AuthenticationNotSuccessful' });
  });
});
