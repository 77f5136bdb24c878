import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { KmipError } from '../../kms/client.js';
import { PROTOCOL_VERSIONS } from '../../wire/kmip/index.js';
import type { TestKms, TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';

let pki: TestPki;
let kms: TestKms;

beforeAll(async () => {
  pki = await makePki();
  kms = await startKms(pki);
});
afterAll(async () => {
  await kms[Symbol.asyncDispose]();
});

async function reasonOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(KmipError);
  return (error as KmipError).reason;
}

describe.each(PROTOCOL_VERSIONS)('in KMIP %s', (protocolVersion) => {
  test('a key goes through its whole life', async () => {
    const client = kms.client({ protocolVersion });
    const id = await client.create({ name: `life-${protocolVersion}` });
    expect(await client.getAttributes(id, ['State'])).toEqual([{ name: 'State', value: 'PreActive' }]);

    const { keyBytes, algorithm, lengthBits } = await client.get(id);
    expect({ length: keyBytes.length, algorithm, lengthBits }).toEqual({
      length: 32,
      algorithm: 'AES',
      lengthBits: 256,
    });
    expect((await client.get(id)).keyBytes).toEqual(keyBytes);

    await client.activate(id);
    expect(await client.getAttributes(id, ['State'])).toEqual([{ name: 'State', value: 'Active' }]);
    expect(
      await client.locate([
        { name: 'Name', value: { value: `life-${protocolVersion}`, type: 'UninterpretedTextString' } },
      ]),
    ).toEqual([id]);

    const wrongState = protocolVersion.startsWith('2') ? 'WrongKeyLifecycleState' : 'PermissionDenied';
    expect(await reasonOf(client.destroy(id))).toBe(wrongState);
    await client.revoke(id);
    expect(await client.getAttributes(id, ['State'])).toEqual([{ name: 'State', value: 'Deactivated' }]);
    await client.destroy(id);
    const gone = protocolVersion.startsWith('2') ? 'ObjectDestroyed' : 'ItemNotFound';
    expect(await reasonOf(client.get(id))).toBe(gone);
    expect(await client.getAttributes(id, ['State'])).toEqual([{ name: 'State', value: 'Destroyed' }]);
  });

  test('attributes are added, modified and deleted', async () => {
    const client = kms.client({ protocolVersion });
    const id = await client.create();
    await client.addAttributes(id, [
      { name: 'x-Vendor', value: 'VMware, Inc.' },
      { name: 'ContactInformation', value: 'someone' },
    ]);
    expect(await client.getAttributes(id, ['x-Vendor', 'x-Absent', 'ContactInformation'])).toEqual([
      { name: 'x-Vendor', value: { type: 'TextString', value: 'VMware, Inc.' } },
      { name: 'ContactInformation', value: 'someone' },
    ]);
    await client.modifyAttribute(id, { name: 'x-Vendor', value: 'Broadcom' });
    await client.deleteAttribute(id, 'ContactInformation');
    expect(await client.getAttributeList(id)).not.toContain('ContactInformation');
    expect(await client.getAttributes(id, ['x-Vendor'])).toEqual([
      { name: 'x-Vendor', value: { type: 'TextString', value: 'Broadcom' } },
    ]);
  });

  test('Query and Discover Versions tell what there is', async () => {
    const client = kms.client({ protocolVersion });
    const { operations, objectTypes, vendorIdentification } = await client.query([
      'QueryOperations',
      'QueryObjects',
      'QueryServerInformation',
    ]);
    expect(operations).toContain('Create');
    expect(operations?.includes('SetAttribute')).toBe(protocolVersion.startsWith('2'));
    expect(objectTypes).toContain('SymmetricKey');
    expect(objectTypes?.includes('Template')).toBe(!protocolVersion.startsWith('2'));
    expect(vendorIdentification).toBe('kpsim');
    if (protocolVersion === '1.0') return;
    expect((await client.discoverVersions())[0]).toEqual({ major: 2, minor: 1 });
  });
});
