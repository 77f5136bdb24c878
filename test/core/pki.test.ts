import { X509Certificate, createPrivateKey } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import {
  CertificateAuthority,
  alternativeNamesFor,
  certificateThumbprintSha256,
  commonNameOf,
  isPrivateKeyOf,
  parsePemChain,
  selfSigned,
} from '../../core/pki/index.js';

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
