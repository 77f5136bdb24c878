import { execFileSync } from 'node:child_process';
import { X509Certificate, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { makeDataDir } from '../../core/data-dir.js';
import { CertificateAuthority } from '../../core/pki/index.js';
import type { KmipClient } from '../../kms/client.js';
import { KmipError } from '../../kms/client.js';
import {
  derBitString,
  derContext,
  derInteger,
  derObjectIdentifier,
  derSequence,
} from '../../wire/der/encode.js';
import { derRaw, derSequenceElements } from '../../kms/keys/der.js';
import { publicKeyOf } from '../../kms/keys/key-object.js';
import type { Attribute, RequestPayload } from '../../wire/kmip/index.js';
import { attributeOf } from '../../wire/kmip/index.js';
import type { TestKms, TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';

let pki: TestPki;
let kms: TestKms;
let files: Awaited<ReturnType<typeof makeDataDir>>;

beforeAll(async () => {
  pki = await makePki();
  kms = await startKms(pki);
  files = await makeDataDir();
});
afterAll(async () => {
  await kms[Symbol.asyncDispose]();
  await files.remove();
});

/** Runs openssl in a directory of its own. */
function openssl(args: readonly string[], input?: string | Buffer): Buffer {
  return execFileSync('openssl', args, { cwd: files.path, input, stdio: ['pipe', 'pipe', 'pipe'] });
}

async function reasonOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(KmipError);
  return (error as KmipError).reason;
}

async function createPair(
  client: KmipClient,
  algorithm: 'RSA' | 'ECDSA' = 'ECDSA',
  curve?: 'P_384' | 'SECP256K1',
) {
  const common = [
    attributeOf('CryptographicAlgorithm', algorithm),
    attributeOf('CryptographicUsageMask', 3),
    ...(curve === undefined
      ? []
      : [attributeOf('CryptographicDomainParameters', { recommendedCurve: curve })]),
  ];
  const answer = await client.perform('CreateKeyPair', {
    commonTemplateAttribute: { attributes: common },
    commonAttributes: common,
  });
  return [answer.privateKeyUniqueIdentifier, answer.publicKeyUniqueIdentifier] as const;
}

async function certify(
  client: KmipClient,
  payload: RequestPayload<'Certify'>,
  attributes: readonly Attribute[] = [],
) {
  const both = { templateAttribute: { attributes }, attributes };
  return (await client.perform('Certify', { ...payload, ...both })).uniqueIdentifier;
}

async function certificateOf(client: KmipClient, id: string): Promise<X509Certificate> {
  const object = await client.getObject(id);
  if (object.objectType !== 'Certificate') throw new Error(`${id} is a ${object.objectType}`);
  return new X509Certificate(object.certificateValue);
}

async function linkOf(client: KmipClient, id: string, type: string): Promise<string> {
  const links = (await client.getAttributes(id, ['Link'])).map(
    ({ value }) => value as { type: string; linkedObjectIdentifier: string },
  );
  return links.find((link) => link.type === type)?.linkedObjectIdentifier ?? 'none';
}

/** What `openssl verify` says of a certificate and its issuer. */
async function verdictOf(certificate: X509Certificate, issuer: X509Certificate): Promise<string> {
  await writeFile(join(files.path, 'issuer.pem'), issuer.toString());
  await writeFile(join(files.path, 'leaf.pem'), certificate.toString());
  return openssl(['verify', '-x509_strict', '-CAfile', 'issuer.pem', 'leaf.pem']).toString().trim();
}

/** A PKCS#10 request that openssl made, with its key. */
function opensslRequest(form: 'DER' | 'PEM', ...more: string[]): Buffer {
  openssl(['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'key.pem']);
  return openssl([
    'req',
    '-new',
    '-key',
    'key.pem',
    '-subj',
    '/C=AU/O=Kmip Test/CN=asked for',
    '-outform',
    form,
    ...more,
  ]);
}

describe.each(['1.0', '1.4', '2.1'] as const)('in KMIP %s', (protocolVersion) => {
  test('Certify makes a certificate that openssl verifies, and links it with its key', async () => {
    const client = kms.client({ protocolVersion });
    const [, publicId] = await createPair(client);
    const id = await certify(client, { uniqueIdentifier: publicId }, [
      attributeOf('Name', { value: `certificate ${protocolVersion}`, type: 'UninterpretedTextString' }),
      attributeOf('CertificateType', 'X_509'),
    ]);
    const certificate = await certificateOf(client, id);
    expect(certificate.publicKey.equals(publicKeyOf(await client.getObject(publicId)))).toBe(true);
    expect(await linkOf(client, id, 'PublicKeyLink')).toBe(publicId);
    expect(await linkOf(client, publicId, 'CertificateLink')).toBe(id);
    const issuer = await certificateOf(client, await linkOf(client, id, 'CertificateLink'));
    expect(await verdictOf(certificate, issuer)).toBe('leaf.pem: OK');
  });

  test('Re-certify renews a certificate, which takes over its name and its key', async () => {
    const client = kms.client({ protocolVersion });
    const name = { value: `renewed ${protocolVersion}`, type: 'UninterpretedTextString' } as const;
    const [, publicId] = await createPair(client);
    const first = await certify(client, { uniqueIdentifier: publicId }, [attributeOf('Name', name)]);
    const { uniqueIdentifier: second } = await client.perform('ReCertify', { uniqueIdentifier: first });
    expect(await linkOf(client, publicId, 'CertificateLink')).toBe(second);
    expect(await linkOf(client, second, 'PublicKeyLink')).toBe(publicId);
    expect(await linkOf(client, second, 'ReplacedObjectLink')).toBe(first);
    expect(await linkOf(client, first, 'ReplacementObjectLink')).toBe(second);
    expect(await client.locate([attributeOf('Name', name)])).toEqual([second]);
    const [before, after] = [await certificateOf(client, first), await certificateOf(client, second)];
    expect(after.subject).toBe(before.subject);
    expect(after.publicKey.equals(before.publicKey)).toBe(true);
    expect(after.serialNumber).not.toBe(before.serialNumber);
    const attribute = protocolVersion.startsWith('1') ? 'CertificateSubject' : 'CertificateSubjectCN';
    expect(JSON.stringify(await client.getAttributes(second, [attribute]))).toContain(
      after.subject.slice('CN='.length),
    );
    const told = await client.getObject(second);
    expect(told).toMatchObject({ certificateValue: after.raw });
    expect(await reasonOf(client.perform('ReCertify', { uniqueIdentifier: first }))).not.toBe(
      'GeneralFailure',
    );
  });

  test('Validate tells valid, invalid and unknown chains apart', async () => {
    const client = kms.client({ protocolVersion });
    const [, publicId] = await createPair(client);
    const id = await certify(client, { uniqueIdentifier: publicId });
    const issuerId = await linkOf(client, id, 'CertificateLink');
    const judge = async (payload: RequestPayload<'Validate'>) =>
      (await client.perform('Validate', payload)).validityIndicator;
    expect(await judge({ uniqueIdentifiers: [id] })).toBe('Valid');
    expect(await judge({ uniqueIdentifiers: [issuerId, id] })).toBe('Valid');
    const nextCentury = Math.floor(Date.UTC(2125, 0, 1) / 1000);
    expect(await judge({ uniqueIdentifiers: [id], validityDate: nextCentury })).toBe('Invalid');

    const stranger = await CertificateAuthority.create({ commonName: 'stranger' });
    const middle = await stranger.createIntermediate('middle');
    const leaf = await middle.issueClient({ commonName: 'leaf' });
    const sent = (pem: string) =>
      ({ certificateType: 'X_509', certificateValue: new X509Certificate(pem).raw }) as const;
    const chain = [sent(leaf.certificatePem), sent(middle.caPem)];
    expect(await judge({ certificates: chain })).toBe('Unknown');
    expect(await judge({ certificates: [...chain, sent(stranger.caPem)] })).toBe('Unknown');
    const rootId = await client.register({ objectType: 'Certificate', ...sent(stranger.caPem) });
    expect(await judge({ certificates: chain, uniqueIdentifiers: [rootId] })).toBe('Valid');
    expect(
      await judge({ certificates: [...chain, sent(pki.authority.caPem)], uniqueIdentifiers: [rootId] }),
    ).toBe('Invalid');

    const forged = Buffer.from(new X509Certificate(leaf.certificatePem).raw);
    forged.writeUInt8(forged.readUInt8(forged.length - 1) ^ 1, forged.length - 1);
    const damaged = { certificateType: 'X_509', certificateValue: forged } as const;
    expect(await judge({ certificates: [damaged, sent(middle.caPem)], uniqueIdentifiers: [rootId] })).toBe(
      'Invalid',
    );
    await client.revoke(id, 'KeyCompromise');
    expect(await judge({ uniqueIdentifiers: [id] })).toBe('Invalid');
  });
});

describe('Certify', () => {
  test.each([
    ['PKCS_10', 'DER'],
    ['PEM', 'PEM'],
  ] as const)('certifies what a %s request of openssl asks for', async (certificateRequestType, form) => {
    const client = kms.client({ protocolVersion: '2.1' });
    const request = opensslRequest(
      form,
      '-addext',
      'subjectAltName=DNS:host.example',
      '-addext',
      'basicConstraints=critical,CA:TRUE',
    );
    const id = await certify(client, { certificateRequestType, certificateRequestValue: request }, [
      attributeOf('CertificateSubjectCN', 'not this one'),
    ]);
    const certificate = await certificateOf(client, id);
    expect(certificate.subject).toBe('C=AU\nO=Kmip Test\nCN=asked for');
    expect(certificate.subjectAltName).toBe('DNS:host.example');
    expect(certificate.ca).toBe(false);
    expect(
      (
        await client.getAttributes(id, ['CertificateSubjectCN', 'CertificateSubjectO', 'CertificateSubjectC'])
      ).map(({ value }) => value),
    ).toEqual(['asked for', 'Kmip Test', 'AU']);
    const issuer = await certificateOf(client, await linkOf(client, id, 'CertificateLink'));
    expect(await verdictOf(certificate, issuer)).toBe('leaf.pem: OK');
  });

  test('certifies what a CRMF request asks for, if it proves possession', async () => {
    const client = kms.client({ protocolVersion: '1.4' });
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const spki = derSequenceElements(publicKey.export({ format: 'der', type: 'spki' })).map(derRaw);
    const name = derSequence(
      encoded(0x31, derSequence(derObjectIdentifier('2.5.4.3'), encoded(0x0c, Buffer.from('by CRMF')))),
    );
    const template = derSequence(derContext(5, name), encoded(0xa6, Buffer.concat(spki)));
    const certRequest = derSequence(derInteger(1n), template);
    const message = (proven: Buffer) =>
      derSequence(
        derSequence(
          certRequest,
          derContext(
            1,
            Buffer.concat([
              derSequence(derObjectIdentifier('1.2.840.10045.4.3.2')),
              derBitString(sign('sha256', proven, privateKey)),
            ]),
          ),
        ),
      );
    const asked = (certificateRequest: Buffer) =>
      certify(client, { certificateRequestType: 'CRMF', certificateRequest });
    const certificate = await certificateOf(client, await asked(message(certRequest)));
    expect(certificate.subject).toBe('CN=by CRMF');
    expect(certificate.publicKey.equals(publicKey)).toBe(true);
    expect(await reasonOf(asked(message(Buffer.from('something else'))))).toBe('InvalidField');
    expect(
      await reasonOf(
        kms.client({ protocolVersion: '2.1' }).perform('Certify', {
          certificateRequestType: 'CRMF',
          certificateRequestValue: message(Buffer.alloc(3)),
        }),
      ),
    ).toBe('InvalidCSR');
  });

  test('certifies a stored Certificate Request, and keys of curves that browsers do not know', async () => {
    const client = kms.client({ protocolVersion: '2.1' });
    const request = opensslRequest('DER');
    const requestId = await client.register({
      objectType: 'CertificateRequest',
      certificateRequestType: 'PKCS_10',
      certificateRequestValue: request,
    });
    const certificate = await certificateOf(client, await certify(client, { uniqueIdentifier: requestId }));
    expect(certificate.subject).toBe('C=AU\nO=Kmip Test\nCN=asked for');
    const [, koblitz] = await createPair(client, 'ECDSA', 'SECP256K1');
    const other = await certificateOf(client, await certify(client, { uniqueIdentifier: koblitz }));
    expect(other.publicKey.asymmetricKeyDetails).toMatchObject({ namedCurve: 'secp256k1' });
  });

  test('takes subject, dates and use from attributes', async () => {
    const client = kms.client({ protocolVersion: '2.1' });
    const [, publicId] = await createPair(client, 'RSA');
    const begin = Math.floor(kms.clock.now() / 1000) - 60;
    const id = await certify(client, { uniqueIdentifier: publicId }, [
      attributeOf('CertificateSubjectCN', 'a, b'),
      attributeOf('CertificateSubjectOU', 'one'),
      attributeOf('CertificateSubjectOU', 'two'),
      attributeOf('ActivationDate', begin),
      attributeOf('DeactivationDate', begin + 7200),
      attributeOf('CryptographicUsageMask', 1),
    ]);
    const certificate = await certificateOf(client, id);
    expect(certificate.subject).toBe('OU=one\nOU=two\nCN=a\\, b');
    expect(Date.parse(certificate.validTo) - Date.parse(certificate.validFrom)).toBe(7_200_000);
    const text = openssl(['x509', '-noout', '-ext', 'keyUsage'], certificate.toString()).toString();
    expect(text).toContain('Digital Signature');
  });

  test('signs with the authority that the configuration gives', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    await writeFile(join(files.path, 'ca-key.pem'), privateKey.export({ format: 'pem', type: 'pkcs8' }));
    const certificatePem = openssl([
      'req',
      '-x509',
      '-new',
      '-key',
      'ca-key.pem',
      '-subj',
      '/CN=given',
      '-days',
      '30',
    ]).toString();
    await using other = await startKms(pki, {
      certificateAuthority: {
        certificatePem,
        privateKeyPem: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
      },
    });
    const client = other.client();
    const [, publicId] = await createPair(client);
    const certificate = await certificateOf(client, await certify(client, { uniqueIdentifier: publicId }));
    expect(certificate.issuer).toBe('CN=given');
    expect(certificate.verify(createPublicKey(privateKey))).toBe(true);
  });

  test('keeps its own authority over a restart, and its key to itself', async () => {
    const dataDir = await makeDataDir();
    const issuers: string[] = [];
    for (let round = 0; round < 2; round += 1) {
      await using other = await startKms(pki, {}, { dataDir: dataDir.path });
      const client = other.client();
      const [, publicId] = await createPair(client);
      const id = await certify(client, { uniqueIdentifier: publicId });
      issuers.push((await certificateOf(client, await linkOf(client, id, 'CertificateLink'))).fingerprint256);
      expect(await reasonOf(client.getObject('kpsim-certificate-authority-key'))).toBe('ItemNotFound');
    }
    await dataDir.remove();
    expect(issuers[1]).toBe(issuers[0]);
  });

  test('refuses requests that are damaged, not signed by their key, or for another key', async () => {
    const client = kms.client({ protocolVersion: '2.1' });
    const request = opensslRequest('DER');
    const asked = (
      certificateRequestValue: Buffer,
      certificateRequestType: 'PKCS_10' | 'PEM' | 'CRMF' = 'PKCS_10',
    ) => reasonOf(client.perform('Certify', { certificateRequestType, certificateRequestValue }));
    expect(await asked(Buffer.from('nothing'))).toBe('InvalidCSR');
    expect(await asked(Buffer.from('nothing'), 'PEM')).toBe('InvalidCSR');
    expect(await asked(request, 'CRMF')).toBe('InvalidCSR');
    const altered = Buffer.from(request);
    altered.writeUInt8(altered.readUInt8(altered.length - 1) ^ 1, altered.length - 1);
    expect(await asked(altered)).toBe('InvalidCSR');
    const [privateId, publicId] = await createPair(client);
    const forOther = client.perform('Certify', {
      uniqueIdentifier: publicId,
      certificateRequestType: 'PKCS_10',
      certificateRequestValue: request,
    });
    expect(await reasonOf(forOther)).toBe('InvalidCSR');
    expect(await reasonOf(client.perform('Certify', { uniqueIdentifier: privateId }))).toBe(
      'InvalidObjectType',
    );
    expect(await reasonOf(client.perform('Validate', {}))).toBe('InvalidField');
    expect(await reasonOf(client.perform('Validate', { uniqueIdentifiers: [publicId] }))).toBe(
      'InvalidObjectType',
    );
  });
});

/** A value of DER under a tag that keys do not need. */
function encoded(tag: number, content: Buffer): Buffer {
  return derRaw({ tag, content });
}
