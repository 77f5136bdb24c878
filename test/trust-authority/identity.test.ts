import { generateKeyPairSync } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { AdjustableClock } from '../../core/clock.js';
import { makeDataDir } from '../../core/data-dir.js';
import { x509 } from '../../core/pki/x509.js';
import { KnownHosts } from '../../trust-authority/attestation/known-hosts.js';
import type { HostRecord } from '../../trust-authority/attestation/known-hosts.js';
import { TrustAnchors, readTrustAnchor } from '../../trust-authority/attestation/trust-anchors.js';
import { TrustAuthorityStore } from '../../trust-authority/store.js';
import { AK_TEMPLATES, signMessage, verifySignature } from '../../wire/tpm2/index.js';
import type { TestTrustAuthority, TrustPki } from './harness.js';
import { makeTrustPki, startTrustAuthority } from './harness.js';

let pki: TrustPki;
let ta: TestTrustAuthority;

beforeAll(async () => {
  pki = await makeTrustPki();
  ta = await startTrustAuthority(pki);
});

afterAll(() => ta[Symbol.asyncDispose]());

describe('trust anchors', () => {
  const revokedChain = () => ({ cert_chain: [pki.vendor.root.caPem, pki.vendor.revoked.caPem] });

  it('keep a revoked authority revoked when it is imported once more without its list', async () => {
    await using other = await startTrustAuthority(pki);
    await other.attestation.caCertificates.create({ name: 'a-again', cert_chain: revokedChain() });
    await other.attestation.caCertificates.delete('tpm-vendor-revoked');
    const host = await other.bootHost({ faults: ['ek-ca-revoked'] });
    expect((await host.attest()).reason).toBe('ek_ca_revoked');
  });

  it('refuse a chain that is longer than one of its authorities allows', async () => {
    const { root, intermediate } = await chainWithPathLength(0);
    await expect(
      ta.attestation.caCertificates.create({
        name: 'too-long',
        cert_chain: { cert_chain: [root, intermediate] },
      }),
    ).rejects.toMatchObject({ reason: 'ek_ca_untrusted' });
    const allowed = await chainWithPathLength(1);
    await ta.attestation.caCertificates.create({
      name: 'long-enough',
      cert_chain: { cert_chain: [allowed.root, allowed.intermediate] },
    });
    await ta.attestation.caCertificates.delete('long-enough');
  });

  it('try every path: an authority that was renewed is trusted though its old certificate has expired', async () => {
    await using other = await startTrustAuthority(pki, { initial: {} });
    const renewed = await renewedRoot();
    for (const [name, pem] of [
      ['a-expired', renewed.expired],
      ['b-renewed', renewed.current],
    ] as const) {
      await other.attestation.caCertificates.create({ name, cert_chain: { cert_chain: [pem] } });
    }
    const anchors = new TrustAnchors(
      await Promise.all(
        [renewed.expired, renewed.current].map((pem, index) =>
          readTrustAnchor({ name: String(index), cert_chain: { cert_chain: [pem] } }),
        ),
      ),
    );
    const { X509Certificate } = await import('node:crypto');
    expect(anchors.pathsTo(new X509Certificate(renewed.leaf))).toHaveLength(2);
    const { judgedPath } = await import('../../trust-authority/attestation/appraisal/certificate-path.js');
    const path = judgedPath(anchors.pathsTo(new X509Certificate(renewed.leaf)), Date.now());
    expect(path?.at(-1)?.notAfterMs).toBeGreaterThan(Date.now());
  });
});

describe('a host id', () => {
  it('belongs to the client certificate that attested with it first', async () => {
    const host = await ta.bootHost({ id: 'taken' });
    expect((await host.attest()).reason).toBeUndefined();
    const thief = await ta.bootHost({ id: 'taken', certificate: pki.otherHost });
    const { reason, steps } = await thief.attest();
    expect(reason).toBe('holder_mismatch');
    expect(steps.find(({ name }) => name === 'holder')).toMatchObject({
      expected: 'the client certificate of "esx-1", who has this host id',
      actual: 'the client certificate of "esx-2"',
    });
    expect(await ta.attestation.hosts.list()).toContainEqual(
      expect.objectContaining({ host: 'taken', client: 'esx-1' }),
    );
  });

  it('stays with a host whose certificate was renewed', async () => {
    expect((await (await ta.bootHost({ id: 'renewed' })).attest()).reason).toBeUndefined();
    const certificate = await pki.authority.issueClient({ commonName: 'esx-1' });
    const { reason } = await (await ta.bootHost({ id: 'renewed', certificate })).attest();
    expect(reason).toBe('identity_changed'); // another TPM, but the same owner
  });

  it('is refused to a client that has as many as it may have', async () => {
    await using other = await startTrustAuthority(pki, { attestation: { hostIdsPerCertificate: 2 } });
    const reasons: unknown[] = [];
    for (const id of ['one', 'two', 'three', 'one']) {
      const host = await other.bootHost({ id });
      reasons.push((await host.attest()).reason);
      if (id === 'three') await other.attestation.hosts.forget('one');
    }
    expect(reasons).toEqual([undefined, undefined, 'holder_mismatch', undefined]);
  });

  it('cannot be had by a TPM that has one, nor kept from the host whose it will be', async () => {
    const host = await ta.bootHost({ id: 'its-own' });
    expect((await host.attest()).reason).toBeUndefined();
    host.tpm.reset();
    const squatter = await ta.bootHost({ id: 'to-come', tpm: host.tpm });
    const { reason, steps } = await squatter.attest();
    expect(reason).toBe('identity_changed');
    expect(steps.find(({ name }) => name === 'host_identity')).toMatchObject({
      expected: 'the host id that the TPM attested with before: its-own',
      actual: 'the host id to-come',
    });
    const honest = await ta.bootHost({ id: 'to-come', certificate: pki.otherHost });
    expect((await honest.attest()).reason).toBeUndefined();
  });

  it('may change for a TPM once an administrator has forgotten the former one, as after a new installation', async () => {
    const host = await ta.bootHost({ id: 'before' });
    expect((await host.attest()).reason).toBeUndefined();
    host.tpm.reset();
    const installedAnew = await ta.bootHost({ id: 'after', tpm: host.tpm });
    expect((await installedAnew.attest()).reason).toBe('identity_changed');
    await ta.attestation.hosts.forget('before');
    expect((await installedAnew.attest()).reason).toBeUndefined();
  });

  it('goes to exactly one of two TPMs that attest with it at once', async () => {
    const hosts = [await ta.bootHost({ id: 'contended' }), await ta.bootHost({ id: 'contended' })];
    const outcomes = await Promise.all(hosts.map((host) => host.attest()));
    expect(outcomes.map(({ reason }) => reason ?? 'attested').sort()).toEqual([
      'attested',
      'identity_changed',
    ]);
  });
});

describe('what is known of a host', () => {
  const record = (resetCount: number, endorsementKey = 'a'.repeat(64)): HostRecord => ({
    endorsementKey,
    resetCount,
    restartCount: 0,
    attestedAtMs: resetCount,
    owner: 'esx-1',
  });

  async function withHosts(work: (hosts: KnownHosts, reopen: () => Promise<KnownHosts>) => Promise<void>) {
    const dir = await makeDataDir();
    const clock = new AdjustableClock();
    let store = await TrustAuthorityStore.open(dir.path, clock);
    try {
      await work(new KnownHosts(store), async () => {
        await store.close();
        store = await TrustAuthorityStore.open(dir.path, clock);
        return new KnownHosts(store);
      });
    } finally {
      await store.close();
      await dir.remove();
    }
  }

  it('is not set back by an older attestation that is remembered later', () =>
    withHosts(async (hosts, reopen) => {
      const [newer, older] = await Promise.all([
        hosts.remember('h', record(7)),
        hosts.remember('h', record(6)),
      ]);
      expect([newer, older?.knownHost?.resetCount]).toEqual([undefined, 7]);
      expect((await reopen()).find('h')?.resetCount).toBe(7);
    }));

  it('is under one id for a TPM that attests with two at once, also after a restart', () =>
    withHosts(async (hosts, reopen) => {
      const outcomes = await Promise.all(['one', 'two'].map((id) => hosts.remember(id, record(5))));
      expect(outcomes).toEqual([undefined, { idOfKey: 'one' }]);
      const again = await reopen();
      expect(await again.remember('two', record(6))).toEqual({ idOfKey: 'one' });
      expect(await again.remember('one', record(6))).toBeUndefined();
      await again.forget('one', 7000);
      expect(await again.remember('two', record(6))).toBeUndefined();
    }));

  it('is merged with what others know: the same TPM, the greater count', () =>
    withHosts(async (hosts) => {
      await hosts.remember('h', record(5));
      expect((await hosts.merge('h', record(9)))?.resetCount).toBe(9);
      expect((await hosts.merge('h', record(3)))?.resetCount).toBe(9);
      expect((await hosts.merge('h', record(20, 'b'.repeat(64))))?.endorsementKey).toBe('a'.repeat(64));
      expect((await hosts.remember('h', record(8)))?.knownHost?.resetCount).toBe(9);
      expect(hosts.owned('esx-1')).toBe(1);
    }));

  it('is not brought back by who has not heard yet that it was forgotten', () =>
    withHosts(async (hosts) => {
      await hosts.remember('h', record(5));
      await hosts.forget('h', 1000);
      expect(await hosts.merge('h', record(6))).toBeUndefined();
      expect(hosts.owned('esx-1')).toBe(0);
      await expect(hosts.forget('h', 2000)).rejects.toMatchObject({ type: 'NOT_FOUND' });
      expect((await hosts.merge('h', { ...record(7), attestedAtMs: 5000 }))?.resetCount).toBe(7);
    }));
});

describe('a signature', () => {
  it('is not accepted from a key that is bound to no scheme', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
    const template = AK_TEMPLATES['p256-ecdsa-sha256'];
    const area = { ...template, unique: { x: Buffer.from(x, 'base64url'), y: Buffer.from(y, 'base64url') } };
    const message = Buffer.from('attested');
    const signature = signMessage(privateKey, { scheme: 'ECDSA', hashAlg: 'SHA256' }, message);
    expect(verifySignature(area as never, signature, message)).toBe(true);
    expect(verifySignature({ ...area, scheme: undefined }, signature, message)).toBe(false);
    const weak = signMessage(privateKey, { scheme: 'ECDSA', hashAlg: 'SHA1' }, message);
    expect(verifySignature({ ...area, scheme: undefined }, weak, message)).toBe(false);
  });
});

const P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;

async function certificateOf(options: {
  readonly subject: string;
  readonly issuer: string;
  readonly keys: CryptoKeyPair;
  readonly signingKey: CryptoKey;
  readonly authority: boolean;
  readonly pathLength?: number;
  readonly notAfter?: Date;
}): Promise<string> {
  const certificate = await x509.X509CertificateGenerator.create({
    subject: `CN=${options.subject}`,
    issuer: `CN=${options.issuer}`,
    publicKey: options.keys.publicKey,
    signingKey: options.signingKey,
    signingAlgorithm: P256,
    notBefore: new Date(Date.now() - 10 * DAY_MS),
    notAfter: options.notAfter ?? new Date(Date.now() + 10 * DAY_MS),
    extensions: [
      new x509.BasicConstraintsExtension(options.authority, options.pathLength, true),
      ...(options.authority
        ? [new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true)]
        : []),
    ],
  });
  return `${certificate.toString('pem')}\n`;
}

const newKeys = () =>
  x509.cryptoProvider.get().subtle.generateKey(P256, true, ['sign', 'verify']) as Promise<CryptoKeyPair>;

async function chainWithPathLength(pathLength: number): Promise<{ root: string; intermediate: string }> {
  const [keys, below] = [await newKeys(), await newKeys()];
  const common = { issuer: 'root', signingKey: keys.privateKey, authority: true };
  return {
    root: await certificateOf({ ...common, subject: 'root', keys, pathLength }),
    intermediate: await certificateOf({ ...common, subject: 'intermediate', keys: below }),
  };
}

async function renewedRoot(): Promise<{ expired: string; current: string; leaf: string }> {
  const [keys, leafKeys] = [await newKeys(), await newKeys()];
  const root = { subject: 'root', issuer: 'root', keys, signingKey: keys.privateKey, authority: true };
  return {
    expired: await certificateOf({ ...root, notAfter: new Date(Date.now() - DAY_MS) }),
    current: await certificateOf(root),
    leaf: await certificateOf({ ...root, subject: 'leaf', keys: leafKeys, authority: false }),
  };
}
