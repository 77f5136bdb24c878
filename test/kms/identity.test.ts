import { beforeAll, describe, expect, test } from 'vitest';

import { CertificateAuthority, certificateThumbprintSha256, selfSigned } from '../../core/pki/index.js';
import { KmipConnectionError } from '../../kms/client.js';
import type { KmsConfigInput } from '../../kms/config.js';
import type { TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';

let pki: TestPki;
beforeAll(async () => {
  pki = await makePki();
});

describe('a client', () => {
  test('with a self-signed certificate that is not pinned is refused', async () => {
    await using kms = await startKms(pki);
    const stranger = await selfSigned({ commonName: 'vc-east' });
    await expect(kms.client({}, stranger).create()).rejects.toBeInstanceOf(KmipConnectionError);
  });

  test('with a certificate of another authority is refused', async () => {
    await using kms = await startKms(pki);
    const other = await CertificateAuthority.create({ commonName: 'test CA' });
    const impostor = await other.issueClient({ commonName: 'vc-east' });
    await expect(kms.client({}, impostor).create()).rejects.toBeInstanceOf(KmipConnectionError);
  });

  test('with a pinned certificate cannot vouch for others', async () => {
    const pinned = await CertificateAuthority.create({ commonName: 'pinned' });
    await using kms = await startKms(pki, { clients: [{ certificatePem: pinned.caPem }] });
    const child = await pinned.issueClient({ commonName: 'child' });
    await expect(kms.client({}, child).create()).rejects.toBeInstanceOf(KmipConnectionError);
  });

  test('is known by its thumbprint alone', async () => {
    const own = await selfSigned({ commonName: 'anyone' });
    const thumbprint = certificateThumbprintSha256(own.certificatePem).toLowerCase();
    await using kms = await startKms(pki, { clients: [{ thumbprint, owner: 'lab' }] });
    await expect(kms.client({}, own).create()).resolves.toMatch(/^[0-9a-f-]{36}$/);
  });

  test('outside the validity of its pinned certificate is refused', async () => {
    const own = await selfSigned({ commonName: 'anyone' });
    await using kms = await startKms(pki, { clients: [{ certificatePem: own.certificatePem }] });
    kms.clock.advance(10 * 365 * 86_400_000);
    await expect(kms.client({}, own).create()).rejects.toBeInstanceOf(KmipConnectionError);
  });

  test('that is not listed is refused where only listed ones are let in', async () => {
    await using kms = await startKms(pki, { clients: [{ commonName: 'vc-east' }], listedClientsOnly: true });
    await expect(kms.client().create()).resolves.toBeTypeOf('string');
    await expect(kms.client({}, pki.west).create()).rejects.toBeInstanceOf(KmipConnectionError);
  });
});

const policies: readonly (readonly [KmsConfigInput['ownerPolicy'], boolean])[] = [
  ['shared', true],
  ['per-client', false],
];
test.each(policies)(
  'under the %s policy two unlisted clients see each other’s keys: %s',
  async (ownerPolicy, seen) => {
    await using kms = await startKms(pki, { ownerPolicy });
    const id = await kms.client().create();
    const found = await kms.client({}, pki.west).locate();
    expect(found.includes(id)).toBe(seen);
  },
);

test('credentials are needed for everything but Query and Discover Versions where they are required', async () => {
  await using kms = await startKms(pki, {
    credentialRequired: true,
    credentials: [{ username: 'u', password: 'p', owner: 'by-user' }],
  });
  const anonymous = kms.client();
  await expect(anonymous.query(['QueryOperations'])).resolves.toHaveProperty('operations');
  await expect(anonymous.discoverVersions()).resolves.not.toEqual([]);
  await expect(anonymous.create()).rejects.toMatchObject({ reason: 'AuthenticationNotSuccessful' });
  const known = kms.client({ credential: { username: 'u', password: 'p' } });
  await expect(known.create()).resolves.toBeTypeOf('string');
});

test('the client refuses a server whose certificate is not pinned', async () => {
  await using kms = await startKms(pki);
  const { certificatePem, privateKeyPem } = pki.east;
  const pins = (pin: string) =>
    kms.client({ tls: { certificatePem, privateKeyPem, pinnedThumbprintsSha256: [pin] } });
  await expect(pins(certificateThumbprintSha256(pki.server.certificatePem)).create()).resolves.toBeTypeOf(
    'string',
  );
  await expect(pins(certificateThumbprintSha256(pki.east.certificatePem)).create()).rejects.toThrow(
    /not pinned/,
  );
});
