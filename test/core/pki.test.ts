import { X509Certificate, createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import {
  CertificateAuthority,
  EXTENDED_KEY_USAGE,
  alternativeNamesFor,
  attributesOfName,
  certificateParts,
  certificateThumbprintSha256,
  commonNameOf,
  isPrivateKeyOf,
  parsePemChain,
  selfSigned,
} from '../../core/pki/index.js';
import { x509 } from '../../core/pki/x509.js';
import {
  derBmpString,
  derElement,
  derObjectIdentifier,
  derSequence,
  derSet,
  derUtf8String,
} from '../../wire/der/encode.js';

/** Tags of texts (X.680 §41). */
const PRINTABLE_STRING = 0x13;
const TELETEX_STRING = 0x14;

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kpsim-test-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe('CertificateAuthority', () => {
  it('issues server certificates that openssl accepts for their names', async () => {
    const ca = await CertificateAuthority.create({ commonName: 'test CA' });
    const server = await ca.issueServer({ commonName: 'kms-1', ipAddresses: ['127.0.0.1'] });
    await writeFile(join(directory, 'ca.pem'), ca.caPem);
    await writeFile(join(directory, 'server.pem'), server.certificatePem);
    const args = ['verify', '-x509_strict', '-verify_ip', '127.0.0.1', '-purpose', 'sslserver', '-CAfile'];
    const said = execFileSync('openssl', [...args, 'ca.pem', 'server.pem'], {
      cwd: directory,
      encoding: 'utf8',
    });
    expect(said).toContain('server.pem: OK');
  });

  it('issues certificates that say what the X.509 library reads in them', async () => {
    const ca = await CertificateAuthority.create({ commonName: 'test CA' });
    const addresses = ['127.0.0.1', '::1', 'fe80::1', '2001:db8:1:2:3:4:5:6', '::ffff:10.0.0.1', '1::'];
    const { certificatePem } = await ca.issueServer({
      commonName: 'Schlüssel, CN=kms-1',
      dnsNames: ['kms-1.example'],
      ipAddresses: addresses,
    });
    const read = new x509.X509Certificate(certificatePem);
    const issued = new X509Certificate(certificatePem);
    for (const address of addresses) expect(issued.checkIP(address)).toBe(address);
    expect(issued.checkHost('kms-1.example')).toBe('kms-1.example');
    expect(read.subjectName.getField('CN')).toEqual(['Schlüssel, CN=kms-1']);
    expect(read.getExtension(x509.ExtendedKeyUsageExtension)?.usages).toEqual(
      Object.values(EXTENDED_KEY_USAGE),
    );
    const root = new x509.X509Certificate(ca.caPem);
    expect(root.getExtension(x509.BasicConstraintsExtension)).toMatchObject({ ca: true, critical: true });
    expect(root.getExtension(x509.KeyUsagesExtension)?.usages).toBe(
      x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
    );
    const keyIdentifier = Buffer.from(await root.publicKey.getKeyIdentifier()).toString('hex');
    expect(root.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId).toBe(keyIdentifier);
    expect(read.getExtension(x509.AuthorityKeyIdentifierExtension)?.keyId).toBe(keyIdentifier);
  });

  it('makes a twin that differs in its number and its time alone, and has expired', async () => {
    const ca = await CertificateAuthority.create({ commonName: 'test CA' });
    const { certificatePem } = await ca.issueServer({ commonName: 'kms-1', ipAddresses: ['127.0.0.1'] });
    const [one, twin] = [certificatePem, ca.expiredTwin(certificatePem)].map(
      (pem) => new x509.X509Certificate(pem),
    );
    expect(twin!.notAfter.getTime()).toBeLessThan(Date.now());
    expect(twin!.serialNumber).not.toBe(one!.serialNumber);
    const said = (it: x509.X509Certificate) => [
      it.subject,
      it.issuer,
      it.publicKey.toString('hex'),
      ...it.extensions.map((extension) => extension.toString('hex')),
    ];
    expect(said(twin!)).toEqual(said(one!));
  });

  it('does not load a key of another curve', async () => {
    const ca = await CertificateAuthority.create({ commonName: 'test CA' });
    await ca.save(directory);
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'secp384r1' });
    await writeFile(join(directory, 'ca-key.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
    await expect(CertificateAuthority.load(directory)).rejects.toThrow(/P-256/);
  });

  it('goes on as the same authority after it was saved and loaded', async () => {
    const ca = await CertificateAuthority.create({ commonName: 'test CA' });
    await ca.save(directory);
    const loaded = await CertificateAuthority.load(directory);
    const issued = new X509Certificate((await loaded.issueClient({ commonName: 'vc-east' })).certificatePem);
    expect(issued.verify(new X509Certificate(ca.caPem).publicKey)).toBe(true);
  });

  it('takes a common name as a value, so that it cannot smuggle in another attribute', async () => {
    const ca = await CertificateAuthority.create({ commonName: 'test CA' });
    const { certificatePem } = await ca.issueClient({ commonName: 'mallory, CN=vc-east' });
    expect(commonNameOf(new X509Certificate(certificatePem))).toBe('mallory, CN=vc-east');
  });

  it('issues through an intermediate a chain that leads to the root', async () => {
    const root = await CertificateAuthority.create({ commonName: 'root' });
    const intermediate = await root.createIntermediate('intermediate');
    const { chainPem } = await intermediate.issueClient({ commonName: 'leaf' });
    const chain = parsePemChain(chainPem);
    expect(chain.map(commonNameOf)).toEqual(['leaf', 'intermediate', 'root']);
    const [leaf, middle, top] = chain;
    expect(leaf?.checkIssued(middle!) && middle?.checkIssued(top!)).toBe(true);
  });
});

describe('certificates', () => {
  it('self-signed ones carry no extended key usage, as those of vCenter', async () => {
    const { certificatePem, privateKeyPem } = await selfSigned({ commonName: 'kmipClient1' });
    const certificate = new X509Certificate(certificatePem);
    expect(certificate.checkPrivateKey(createPrivateKey(privateKeyPem))).toBe(true);
    expect(certificate.keyUsage).toBeUndefined();
  });

  it('thumbprints are written as vSphere writes them', async () => {
    const { certificatePem } = await selfSigned({ commonName: 'x' });
    expect(certificateThumbprintSha256(certificatePem)).toMatch(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
  });

  it.each(['', 'not PEM', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'])(
    'that are none are refused: %j',
    (pem) => {
      expect(() => parsePemChain(pem)).toThrow(expect.objectContaining({ code: 'certificate_invalid' }));
    },
  );
});

describe('the alternative names of a server', () => {
  it('are addresses where a host is given by one, and names otherwise', () => {
    const addresses = ['127.0.0.1', '::1', 'fe80::1', '::ffff:127.0.0.1'];
    const names = ['localhost', '127.0.0.1.example', '1.2.3', 'kms:5696', '1::2::3', ''];
    expect(alternativeNamesFor([...names, ...addresses])).toEqual({
      dnsNames: names,
      ipAddresses: addresses,
    });
  });
});

it('a private key is that of a certificate only if it is one, and the one', async () => {
  const [one, other] = [await selfSigned({ commonName: 'one' }), await selfSigned({ commonName: 'other' })];
  const certificate = new X509Certificate(one.certificatePem);
  const publicKeyPem = certificate.publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const given = [one.privateKeyPem, other.privateKeyPem, publicKeyPem, one.certificatePem, 'nonsense'];
  expect(given.map((pem) => isPrivateKeyOf(pem, certificate))).toEqual([true, false, false, false, false]);
});

describe('the parts of a certificate', () => {
  it('are those that the X.509 library reads', async () => {
    const { certificatePem } = await (
      await CertificateAuthority.create({ commonName: 'test CA' })
    ).issueServer({ commonName: 'kms-1', dnsNames: ['kms-1.example'] });
    const read = new x509.X509Certificate(certificatePem);
    const parts = certificateParts(new X509Certificate(certificatePem));
    expect(parts.issuer).toEqual(Buffer.from(read.issuerName.toArrayBuffer()));
    expect(parts.subject).toEqual(Buffer.from(read.subjectName.toArrayBuffer()));
    const asPart = (it: x509.Extension) => ({
      identifier: it.type,
      value: Buffer.from(it.value),
      encoded: Buffer.from(it.rawData),
    });
    expect(parts.extensions).toEqual(read.extensions.map(asPart));
  });

  it('tell names in every kind of text', () => {
    const attribute = (identifier: string, value: Buffer): Buffer =>
      derSet(derSequence(derObjectIdentifier(identifier), value));
    const name = derSequence(
      attribute('2.5.4.3', derUtf8String('Ünïcode €')),
      attribute('2.5.4.10', derBmpString('Größe €')),
      attribute('2.5.4.11', derElement(PRINTABLE_STRING, Buffer.from('printable'))),
      attribute('2.5.4.7', derElement(TELETEX_STRING, Buffer.from('café', 'latin1'))),
    );
    expect(attributesOfName(name)).toEqual([
      { identifier: '2.5.4.3', text: 'Ünïcode €' },
      { identifier: '2.5.4.10', text: 'Größe €' },
      { identifier: '2.5.4.11', text: 'printable' },
      { identifier: '2.5.4.7', text: 'café' },
    ]);
    expect(attributesOfName(Buffer.from('none'))).toEqual([]);
  });
});
