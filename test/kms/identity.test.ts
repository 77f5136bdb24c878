import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { Writable } from 'node:stream';
import { connect } from 'node:tls';

import { beforeAll, describe, expect, test } from 'vitest';

import { createLogger } from '../../core/logging.js';
import { CertificateAuthority, certificateThumbprintSha256, selfSigned } from '../../core/pki/index.js';
import { x509 } from '../../core/pki/x509.js';
import { KmipConnectionError } from '../../kms/client.js';
import type { KmsConfigInput } from '../../kms/config.js';
import type { Credential, RequestHeader, ResponseMessage } from '../../wire/kmip/index.js';
import { attributeOf, decodeResponse, encodeRequest } from '../../wire/kmip/index.js';
import type { TestKms, TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';
import { RawClient } from './raw-client.js';

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

describe('a connection that is refused', () => {
  const refusals = (kms: TestKms) => kms.context.journal.find({ operation: 'connect' });
  /** Comes without a certificate, and is told nothing but the end of the connection. */
  const knock = async (kms: TestKms): Promise<void> => {
    const socket = connect({ host: '127.0.0.1', port: kms.port, ca: pki.authority.caPem });
    socket.on('error', () => undefined);
    await once(socket, 'close');
  };

  test('is in the journal with what is wrong, and whose certificate it was', async () => {
    await using kms = await startKms(pki);
    await knock(kms);
    const stranger = await selfSigned({ commonName: 'stranger' });
    await expect(kms.client({}, stranger).create()).rejects.toBeInstanceOf(KmipConnectionError);
    const server = await pki.authority.issue({
      commonName: 'a server',
      extendedKeyUsages: ['1.3.6.1.5.5.7.3.1'],
    });
    await expect(kms.client({}, server).create()).rejects.toBeInstanceOf(KmipConnectionError);
    expect(refusals(kms).map(({ outcome, details }) => [outcome, details])).toEqual([
      ['certificate', { problem: 'the client sent no certificate', address: '127.0.0.1' }],
      [
        'certificate',
        {
          problem: expect.stringContaining('not trusted (DEPTH_ZERO_SELF_SIGNED_CERT)') as string,
          address: '127.0.0.1',
          subject: 'CN=stranger',
          issuer: 'CN=stranger',
          thumbprint: certificateThumbprintSha256(stranger.certificatePem),
        },
      ],
      [
        'certificate',
        expect.objectContaining({
          problem: expect.stringContaining('not meant for TLS clients') as string,
          subject: 'CN=a server',
        }),
      ],
    ]);
  });

  test('is in the journal where the handshake fails', async () => {
    await using kms = await startKms(pki);
    const socket = createConnection({ host: '127.0.0.1', port: kms.port });
    socket.on('error', () => undefined);
    socket.end('GET / HTTP/1.1\r\n\r\n');
    await once(socket, 'close');
    expect(refusals(kms)).toMatchObject([
      { outcome: 'handshake', details: { problem: expect.stringContaining('ERR_SSL') as string } },
    ]);
  });

  test('leaves room for others in a flood, and the next minute tells how many there were', async () => {
    await using kms = await startKms(pki);
    await Promise.all(Array.from({ length: 25 }, () => knock(kms)));
    expect(refusals(kms)).toHaveLength(20);
    kms.clock.advance(60_000);
    await knock(kms);
    expect(refusals(kms).at(-1)?.details).toMatchObject({ leftOutBefore: 5 });
    expect(await kms.context.metrics.render()).toContain(
      'kmip_connections_refused_total{reason="certificate"} 26',
    );
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

describe('what a client certificate is for', () => {
  const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
  const issue = (...extendedKeyUsages: string[]) =>
    pki.authority.issue({ commonName: 'vc-usage', extendedKeyUsages });
  const refused = (work: Promise<unknown>) => expect(work).rejects.toBeInstanceOf(KmipConnectionError);

  test('does not matter if it does not say', async () => {
    await using kms = await startKms(pki);
    await expect(kms.client({}, await issue()).create()).resolves.toBeTypeOf('string');
  });

  test('must be TLS clients if it says, and the refusal tells what to do', async () => {
    const warnings: unknown[] = [];
    const log = createLogger({ name: 'kms-1', level: 'warn', stream: intoArray(warnings) });
    await using kms = await startKms(pki, {}, { log });
    await refused(kms.client({}, await issue(SERVER_AUTH)).create());
    expect(JSON.stringify(warnings)).toMatch(/1\.3\.6\.1\.5\.5\.7\.3\.1.*clientAuth.*requireClientAuthUsage/);
  });

  test('is passed over where the server or the client says so, and nowhere else', async () => {
    const odd = await issue(SERVER_AUTH);
    await using lenient = await startKms(pki, { requireClientAuthUsage: false });
    await expect(lenient.client({}, odd).create()).resolves.toBeTypeOf('string');
    const clients = [{ commonName: 'vc-usage', requireClientAuthUsage: false }];
    await using listed = await startKms(pki, { clients });
    await expect(listed.client({}, odd).create()).resolves.toBeTypeOf('string');
    const other = await pki.authority.issue({ commonName: 'vc-other', extendedKeyUsages: [SERVER_AUTH] });
    await refused(listed.client({}, other).create());
    await using strict = await startKms(pki, {
      requireClientAuthUsage: false,
      clients: [{ commonName: 'vc-usage', requireClientAuthUsage: true }],
    });
    await refused(strict.client({}, odd).create());
  });

  test('is passed over only for certificates of the trusted CA, within their validity', async () => {
    await using kms = await startKms(pki, { requireClientAuthUsage: false });
    const other = await CertificateAuthority.create({ commonName: 'test CA' });
    await refused(
      kms
        .client({}, await other.issue({ commonName: 'vc-usage', extendedKeyUsages: [SERVER_AUTH] }))
        .create(),
    );
    const keyUsage = new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyEncipherment, true);
    const encipherment = await pki.authority.issue({
      commonName: 'vc-usage',
      extensions: [Buffer.from(keyUsage.rawData)],
    });
    await expect(kms.client({}, encipherment).create()).resolves.toBeTypeOf('string');
    const over = await pki.authority.issue({
      commonName: 'vc-usage',
      extendedKeyUsages: [SERVER_AUTH],
      notBefore: new Date(Date.now() - 2 * 86_400_000),
      notAfter: new Date(Date.now() - 86_400_000),
    });
    await refused(kms.client({}, over).create());
  });
});

describe('credentials in the header', () => {
  /** Reason of a Create with these credentials and header fields, and the response header. */
  async function attempt(
    kms: TestKms,
    credentials: readonly Credential[],
    fields: Partial<RequestHeader> = {},
  ): Promise<{ readonly reason: unknown; readonly header: ResponseMessage['header'] }> {
    await using raw = await RawClient.open(pki, kms.port);
    const attributes = [
      attributeOf('CryptographicAlgorithm', 'AES'),
      attributeOf('CryptographicUsageMask', 12),
    ];
    const bytes = encodeRequest({
      header: {
        protocolVersion: { major: 2, minor: 1 },
        authentication: credentials.length === 0 ? undefined : { credentials },
        batchCount: 1,
        ...fields,
      },
      batchItems: [{ operation: 'Create', requestPayload: { objectType: 'SymmetricKey', attributes } }],
    });
    const { header, batchItems } = decodeResponse((await raw.exchange(bytes))!);
    return { reason: batchItems[0]?.resultReason, header };
  }

  const device = (fields: Readonly<Record<string, string>>): Credential => ({
    type: 'Device',
    value: fields,
  });

  test.each([
    [{ deviceSerialNumber: 's', password: 'p' }, undefined],
    [{ deviceSerialNumber: 's', password: 'p', mediaIdentifier: 'any' }, undefined],
    [{ deviceSerialNumber: 's', password: 'wrong' }, 'AuthenticationNotSuccessful'],
    [{ deviceSerialNumber: 's' }, 'AuthenticationNotSuccessful'],
    [{ deviceSerialNumber: 't', password: 'p' }, 'AuthenticationNotSuccessful'],
    [{ networkIdentifier: 'n', machineIdentifier: 'm' }, undefined],
    [{ networkIdentifier: 'n' }, 'AuthenticationNotSuccessful'],
  ])('of a device %o: %s', async (fields, reason) => {
    await using kms = await startKms(pki, {
      credentialRequired: true,
      devices: [
        { deviceSerialNumber: 's', password: 'p' },
        { networkIdentifier: 'n', machineIdentifier: 'm' },
      ],
    });
    expect((await attempt(kms, [device(fields)])).reason).toBe(reason);
  });

  test('of a device are passed over while no devices are configured', async () => {
    await using kms = await startKms(pki);
    expect((await attempt(kms, [device({ deviceSerialNumber: 's' })])).reason).toBeUndefined();
  });

  test('of a hashed password are right once, and answered with a hash that only the server can make', async () => {
    await using kms = await startKms(pki, { credentials: [{ username: 'u', password: 'p' }] });
    const hash = (...parts: (string | Buffer)[]) =>
      parts.reduce((state, part) => state.update(part), createHash('sha256')).digest();
    const hashed = (password: string, timestamp: bigint): Credential => {
      const time = Buffer.alloc(8);
      time.writeBigInt64BE(timestamp);
      const hashedPassword = Buffer.concat([hash(hash('u', password), time), hash(password, 'u')]);
      return { type: 'HashedPassword', value: { username: 'u', timestamp, hashedPassword } };
    };
    const right = await attempt(kms, [hashed('p', 1000n)]);
    expect(right.reason).toBeUndefined();
    const time = Buffer.alloc(8);
    time.writeBigInt64BE(1000n);
    expect(right.header.serverHashedPassword).toEqual(hash(time, hash('u', 'p'), hash(hash('p', 'u'))));
    expect((await attempt(kms, [hashed('p', 1000n)])).reason).toBe('AuthenticationNotSuccessful');
    expect((await attempt(kms, [hashed('wrong', 2000n)])).reason).toBe('AuthenticationNotSuccessful');
    expect((await attempt(kms, [hashed('p', 2001n)])).reason).toBeUndefined();
  });

  test('of an unknown ticket are refused', async () => {
    await using kms = await startKms(pki);
    const ticket: Credential = {
      type: 'Ticket',
      value: { ticket: { type: 'Login', value: Buffer.from('no') } },
    };
    expect((await attempt(kms, [ticket])).reason).toBe('InvalidTicket');
  });

  describe('of attestation', () => {
    const measurement = Buffer.from('00112233', 'hex');
    const attestation = { requiredFor: ['Create' as const], accepted: ['00112233'] };
    const attest = (nonce: unknown, attestationMeasurement = measurement): Credential => ({
      type: 'Attestation',
      value: { nonce, attestationType: 'TPMQuote', attestationMeasurement },
    });

    test('are asked for with a nonce, and serve once', async () => {
      await using kms = await startKms(pki, { attestation });
      const asked = await attempt(kms, [], { attestationCapableIndicator: true });
      expect(asked.reason).toBe('AttestationRequired');
      expect(asked.header.attestationTypes).toEqual(['TPMQuote']);
      const { nonce } = asked.header;
      expect((await attempt(kms, [attest(nonce)])).reason).toBeUndefined();
      expect((await attempt(kms, [attest(nonce)])).reason).toBe('AttestationFailed');
    });

    test('are Permission Denied to clients that do not say they can, and must be right and in time', async () => {
      await using kms = await startKms(pki, { attestation });
      expect((await attempt(kms, [])).reason).toBe('PermissionDenied');
      const offer = async () => (await attempt(kms, [], { attestationCapableIndicator: true })).header.nonce;
      expect((await attempt(kms, [attest(await offer(), Buffer.from('bad'))])).reason).toBe(
        'AttestationFailed',
      );
      const late = await offer();
      kms.clock.advance(301_000);
      expect((await attempt(kms, [attest(late)])).reason).toBe('AttestationFailed');
      await expect(kms.client().query(['QueryOperations'])).resolves.toBeDefined();
    });
  });
});

function intoArray(lines: unknown[]): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(JSON.parse(chunk.toString()));
      done();
    },
  });
}
