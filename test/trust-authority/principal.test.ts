import { createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';

import { compactVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { systemClock } from '../../core/clock.js';
import { HttpStatusError } from '../../core/http/index.js';
import { parseCertificate } from '../../core/pki/index.js';
import {
  MAX_PRINCIPAL_LIFETIME_SECONDS,
  decodePrincipalToken,
  encodePrincipalToken,
  principalClaims,
} from '../../wire/attestation/index.js';
import type { PrincipalClaims } from '../../wire/attestation/index.js';
import type { TestTrustAuthority, TrustPki } from './harness.js';
import { makeTrustPki, startTrustAuthority, trustingInitial } from './harness.js';
import { makeProvider } from './key-provider.js';
import { TestSts, VPXD } from './sts.js';
import { fc } from '../property.js';

const DAY_S = 86_400;

let pki: TrustPki;
let sts: TestSts;
let ta: TestTrustAuthority;
let profile: string;
let token: string;

beforeAll(async () => {
  pki = await makeTrustPki();
  sts = await TestSts.create();
  ta = await startTrustAuthority(pki, { kms: { requirePrincipal: true } });
  profile = await ta.kms.principals.create(sts.spec());
  token = await (await ta.bootHost()).token();
});

afterAll(() => ta[Symbol.asyncDispose]());

/** Uses a principal at a provider that does not exist, so that one that passes answers 404. */
function use(
  principal: string | undefined,
  at = ta,
  identity = pki.host,
  kmsToken = token,
): Promise<unknown> {
  return at.kmsAs(identity).decrypt({ provider: 'none', ciphertext: 'AAAA' }, { token: kmsToken, principal });
}

const PASSED = { status: 404 };

/** A token with these parts under the real signing key of the STS. */
function forged(claims: Record<string, unknown>, header: Record<string, unknown> = {}): string {
  const decoded = decodePrincipalToken(sts.token(pki.host));
  const parts = [
    { ...decoded?.header, ...header },
    { ...decoded?.claims, ...claims },
  ];
  const input = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  const key = createPrivateKey(sts.signing.privateKeyPem);
  return encodePrincipalToken(input, sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }));
}

describe('a principal token', () => {
  it('of a registered principal passes, for as long as it was issued', async () => {
    await expect(use(sts.token(pki.host))).rejects.toMatchObject(PASSED);
    const now = Math.floor(systemClock.now() / 1000);
    await expect(use(forged({ iat: now - 100, exp: now - 50 }))).rejects.toMatchObject(PASSED);
    await expect(use(forged({ iat: now - 100, exp: now - 70 }))).rejects.toMatchObject({
      reason: 'principal_token_invalid',
    });
  });

  it('is one that jose verifies', async () => {
    const key = parseCertificate(sts.signing.certificatePem).publicKey;
    const { payload } = await compactVerify(sts.token(pki.host), key, { algorithms: ['ES256'] });
    expect(principalClaims.parse(JSON.parse(Buffer.from(payload).toString('utf8')))).toMatchObject({
      iss: sts.issuer,
      sub: 'vpxd-1@vsphere.local',
      aud: ['kpsim:principal:group-1'],
    });
  });

  it('of an issuer that is not registered is refused with 401 and a challenge', async () => {
    const stranger = await TestSts.create('vc-stranger');
    const refusal = await use(stranger.token(pki.host)).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ reason: 'sts_issuer_untrusted' });
    const { cause } = refusal as Error;
    expect(cause).toBeInstanceOf(HttpStatusError);
    expect(cause).toMatchObject({ status: 401, body: { error_type: 'UNAUTHENTICATED' } });
  });

  it('of a user that is not registered is refused with 403', async () => {
    const principal = { ...VPXD, id: { name: 'other', domain: 'vsphere.local' } };
    const refusal = await use(sts.token(pki.host, { principal })).catch((error: unknown) => error);
    expect(refusal).toMatchObject({
      reason: 'principal_not_entitled',
      cause: { status: 403, body: { error_type: 'UNAUTHORIZED' } },
    });
  });

  it('passes for a group that the user is in', async () => {
    const sts2 = await TestSts.create('vc-groups');
    const group = { id: { name: 'TrustedHosts', domain: 'vsphere.local' }, type: 'STS_GROUP' } as const;
    await ta.kms.principals.create(sts2.spec(group));
    await expect(use(sts2.token(pki.host, { memberOf: [group] }))).rejects.toMatchObject(PASSED);
    await expect(use(sts2.token(pki.host))).rejects.toMatchObject({ reason: 'principal_not_entitled' });
    // A user of the name of a group is not the group.
    await expect(
      use(sts2.token(pki.host, { principal: { ...group, type: 'STS_USER' } })),
    ).rejects.toMatchObject({ reason: 'principal_not_entitled' });
  });

  it('is of no use to another host, and none to another group of services', async () => {
    const invalid = { reason: 'principal_token_invalid' };
    await expect(use(sts.token(pki.otherHost))).rejects.toMatchObject(invalid);
    await expect(use(sts.token(pki.host, { serviceGroups: ['group-2'] }))).rejects.toMatchObject(invalid);
    await expect(use(sts.token(pki.host, { serviceGroups: ['group-2', 'group-1'] }))).rejects.toMatchObject(
      PASSED,
    );
  });

  it.each([
    ['lives longer than a month', { exp: 4_000_000_000 }],
    ['ends before it begins', { iat: 4_000_000_000 }],
    ['is from the future', (now: number) => ({ iat: now + 120, exp: now + 500 })],
  ] as const)('that %s is refused', async (_what, claims) => {
    const now = Math.floor(systemClock.now() / 1000);
    await expect(use(forged(typeof claims === 'function' ? claims(now) : claims))).rejects.toMatchObject({
      reason: 'principal_token_invalid',
    });
  });

  it.each([
    ['no algorithm', { alg: 'none' }],
    ['HMAC', { alg: 'HS256' }],
    ['the type of a KMS_AUTH_JWT', { typ: 'kms-auth+jwt' }],
    [
      'a key of its own',
      { jwk: generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }) },
    ],
    ['a certificate of its own', { x5c: ['AAAA'] }],
    ['a key by URL', { jku: 'https://example.com/keys' }],
    ['critical extensions', { crit: ['exp'] }],
  ])('with %s is refused', async (_what, header) => {
    await expect(use(forged({}, header))).rejects.toMatchObject({ reason: 'principal_token_invalid' });
  });

  it('that another key signed under the right key id is refused', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const privateKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const text = sts.token(pki.host, {}, { ...sts.signing, privateKeyPem });
    await expect(use(text)).rejects.toMatchObject({ reason: 'sts_issuer_untrusted' });
  });

  it('that a certificate signed which was not registered is refused, though its issuer issued it', async () => {
    const renewed = await sts.authority.issue({ commonName: 'ssoserver-sign renewed' });
    await expect(use(sts.token(pki.host, {}, renewed))).rejects.toMatchObject({
      reason: 'sts_issuer_untrusted',
    });
  });

  it('is not taken for a KMS_AUTH_JWT, nor that for a principal token', async () => {
    const principal = sts.token(pki.host);
    await expect(use(principal, ta, pki.host, principal)).rejects.toMatchObject({ name: 'AttestationError' });
    await expect(use(token)).rejects.toMatchObject({ reason: 'principal_token_invalid' });
  });

  it('that is missing is refused where it is asked for, and not needed where it is not', async () => {
    await expect(use(undefined)).rejects.toMatchObject({ reason: 'principal_token_invalid' });
    await using relaxed = await startTrustAuthority(pki);
    const other = await (await relaxed.bootHost()).token();
    await expect(use(undefined, relaxed, pki.host, other)).rejects.toMatchObject(PASSED);
    await expect(use('anything', relaxed, pki.host, other)).rejects.toMatchObject(PASSED);
  });

  it('is looked at only after the KMS_AUTH_JWT', async () => {
    await expect(use(sts.token(pki.host), ta, pki.host, 'a.b.c')).rejects.toMatchObject({
      reason: 'token_malformed',
    });
  });

  it('ends with the validity of the certificate that signed it, also if it was verified before', async () => {
    await using other = await startTrustAuthority(pki, {
      kms: { requirePrincipal: true },
      attestation: { tokenLifetimeSeconds: 31 * DAY_S },
    });
    const shortLived = await sts.authority.issue({
      commonName: 'short',
      notBefore: new Date(systemClock.now() - 60_000),
      notAfter: new Date(systemClock.now() + DAY_S * 1000),
    });
    const id = await other.kms.principals.create(sts.spec(VPXD, shortLived));
    const kmsToken = await (await other.bootHost()).token();
    const principal = sts.token(pki.host, {}, shortLived);
    await expect(use(principal, other, pki.host, kmsToken)).rejects.toMatchObject(PASSED);
    expect(await other.kms.principals.get(id)).toMatchObject({ health: 'OK', details: [] });
    other.clock.advance(2 * DAY_S * 1000);
    await expect(use(principal, other, pki.host, kmsToken)).rejects.toMatchObject({
      reason: 'sts_issuer_untrusted',
    });
    expect(await other.kms.principals.get(id)).toMatchObject({ health: 'ERROR' });
  });

  it('of hostile or mutilated form is refused without harm', async () => {
    const kms = ta.kmsAs(pki.host);
    const good = sts.token(pki.host);
    const claims = decodePrincipalToken(good)!.claims;
    const texts = fc.oneof(
      fc.stringMatching(/^[\x21-\x7e]{1,200}$/),
      fc.tuple(fc.json(), fc.json()).map(([header, payload]) => parts(header, payload)),
      fc
        .nat(good.length - 1)
        .chain((at) =>
          fc
            .constantFrom('A', 'B', '.', '_', '-')
            .map((character) => good.slice(0, at) + character + good.slice(at + 1)),
        )
        .filter((text) => text !== good),
      fc
        .dictionary(fc.constantFrom('iss', 'sub', 'aud', 'iat', 'exp', 'cnf', 'groups'), fc.jsonValue())
        .filter((change) => Object.keys(change).length > 0)
        .map((change) =>
          parts(JSON.stringify(decodePrincipalToken(good)?.header), JSON.stringify({ ...claims, ...change })),
        ),
    );
    await fc.assert(
      fc.asyncProperty(texts, async (text) => {
        const attempt = kms.decrypt({ provider: 'none', ciphertext: 'AAAA' }, { token, principal: text });
        await expect(attempt).rejects.toMatchObject({ name: 'AttestationError' });
      }),
      { numRuns: 100 },
    );
    await expect(use(good)).rejects.toMatchObject(PASSED);
  });
});

function parts(header: string, payload: string): string {
  const signature = Buffer.alloc(64, 1);
  return [header, payload, signature].map((part) => Buffer.from(part).toString('base64url')).join('.');
}

describe('the codec of principal tokens', () => {
  const name = fc.stringMatching(/^[a-zA-Z0-9._-]{1,30}$/);
  const seconds = fc.integer({ min: 0, max: 2 ** 33 });

  it('gives back what was signed', () => {
    fc.assert(
      fc.property(name, fc.array(name, { maxLength: 5 }), seconds, seconds, (user, groups, iat, exp) => {
        const claims: PrincipalClaims = {
          iss: sts.issuer,
          sub: `${user}@vsphere.local`,
          groups: groups.map((group) => `${group}@vsphere.local`),
          aud: ['kpsim:principal:group-1'],
          iat,
          exp,
          cnf: { 'x5t#S256': 'A'.repeat(43) },
        };
        expect(decodePrincipalToken(forged({ ...claims }))?.claims).toEqual(claims);
      }),
      { numRuns: 30 },
    );
  });

  it('takes nothing else for one, and never throws', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary', maxLength: 300 })), (text) => {
        expect(decodePrincipalToken(text)).toBeUndefined();
      }),
    );
  });

  it('signs for a month at most', () => {
    const decoded = decodePrincipalToken(sts.token(pki.host, { lifetimeSeconds: 1e9 }));
    expect(decoded!.claims.exp - decoded!.claims.iat).toBe(MAX_PRINCIPAL_LIFETIME_SECONDS);
  });
});

describe('consumer principals', () => {
  it('are listed, shown and removed, and have the same id on every service', async () => {
    await using other = await startTrustAuthority(pki);
    expect(await other.kms.principals.create(sts.spec())).toBe(profile);
    expect(await other.kms.principals.list()).toEqual([{ profile, ...sts.spec() }]);
    await expect(other.kms.principals.create(sts.spec())).rejects.toMatchObject({
      body: { error_type: 'ALREADY_EXISTS' },
    });
    await other.kms.principals.delete(profile);
    expect(await other.kms.principals.list()).toEqual([]);
    await expect(other.kms.principals.get(profile)).rejects.toMatchObject(PASSED);
    await expect(other.kms.principals.delete(profile)).rejects.toMatchObject(PASSED);
  });

  it('stop being trusted as soon as they are removed, and stay over a restart', async () => {
    await using before = await startTrustAuthority(pki, { kms: { requirePrincipal: true } });
    await before.kms.principals.create(sts.spec());
    const kmsToken = await (await before.bootHost()).token();
    const principal = sts.token(pki.host);
    await expect(use(principal, before, pki.host, kmsToken)).rejects.toMatchObject(PASSED);
    await before.stop();
    await using after = await startTrustAuthority(
      pki,
      { kms: { requirePrincipal: true } },
      { dataDir: before.context.dataDir },
    );
    const kmsToken2 = await (await after.bootHost({ id: 'another' })).token();
    await expect(use(principal, after, pki.host, kmsToken2)).rejects.toMatchObject(PASSED);
    await after.kms.principals.delete(profile);
    await expect(use(principal, after, pki.host, kmsToken2)).rejects.toMatchObject({
      reason: 'sts_issuer_untrusted',
    });
  });

  it('can be part of what a new service begins with', async () => {
    const initial = { ...(await trustingInitial(pki)), consumerPrincipals: [sts.spec()] };
    await using other = await startTrustAuthority(pki, { initial });
    expect(await other.kms.principals.list()).toMatchObject([{ profile }]);
  });

  it('are refused with chains that are no chains, and keys that cannot sign ES256', async () => {
    const { certificates, ...rest } = sts.spec();
    const [leaf, ca] = certificates[0]!.cert_chain as [string, string];
    const stranger = await TestSts.create('vc-strange');
    for (const cert_chain of [
      [ca, leaf],
      [leaf, stranger.authority.caPem],
      [leaf, leaf],
      [pki.vendor.root.caPem, ca],
    ]) {
      await expect(
        ta.kms.principals.create({ ...rest, issuer: 'https://x', certificates: [{ cert_chain }] }),
      ).rejects.toMatchObject({ status: 400 });
    }
  });

  it('are refused whatever the certificates are, if they are none', async () => {
    const [good] = sts.spec().certificates[0]!.cert_chain as [string];
    const der = parseCertificate(good).raw;
    const pem = (bytes: Uint8Array) =>
      `-----BEGIN CERTIFICATE-----\n${Buffer.from(bytes).toString('base64')}\n-----END CERTIFICATE-----\n`;
    const texts = fc.oneof(
      fc.string({ minLength: 1, maxLength: 300 }),
      fc.uint8Array({ minLength: 1, maxLength: 300 }).map(pem),
      fc.nat(der.length - 1).map((length) => pem(der.subarray(0, length))),
    );
    await fc.assert(
      fc.asyncProperty(texts, async (text) => {
        await expect(
          ta.kms.principals.create({
            ...sts.spec(),
            issuer: 'https://fuzz.example',
            certificates: [{ cert_chain: [text] }],
          }),
        ).rejects.toMatchObject({ status: 400 });
      }),
      { numRuns: 100 },
    );
  });

  it('are an administrator’s alone to change', async () => {
    const host = ta.kmsAs(pki.host);
    for (const attempt of [
      () => host.principals.list(),
      () => host.principals.create(sts.spec()),
      () => host.entitlements.set('none', []),
      () => host.replaceRawConfig('{}'),
      () => host.cluster.set({ members: [] }),
    ]) {
      await expect(attempt()).rejects.toMatchObject({ status: 403 });
    }
  });
});

describe('entitlements', () => {
  it('limit a provider to some principals, also where the service asks for none', async () => {
    await using other = await startTrustAuthority(pki);
    const east = await other.kms.principals.create(sts.spec());
    const sts2 = await TestSts.create('vc-west');
    const west = await other.kms.principals.create(sts2.spec());
    await makeProvider(other, { provider: 'tkp-1', masterKeyId: 'x', ports: [9] });
    const kmsToken = await (await other.bootHost()).token();
    const kms = other.kmsAs(pki.host);
    const ask = (principal?: string) =>
      kms.decrypt({ provider: 'tkp-1', ciphertext: 'AAAA' }, { token: kmsToken, principal });
    const admitted = { status: 400, body: { messages: [{ id: 'kpsim.kms.ciphertext_invalid' }] } };

    await expect(ask()).rejects.toMatchObject(admitted);
    expect(await other.kms.entitlements.get('tkp-1')).toEqual({});
    await other.kms.entitlements.set('tkp-1', [east]);
    expect(await other.kms.entitlements.get('tkp-1')).toEqual({ profiles: [east] });
    await expect(ask()).rejects.toMatchObject({ reason: 'principal_token_invalid' });
    await expect(ask(sts.token(pki.host))).rejects.toMatchObject(admitted);
    await expect(ask(sts2.token(pki.host))).rejects.toMatchObject({ reason: 'principal_not_entitled' });
    await other.kms.entitlements.set('tkp-1', [east, west]);
    await expect(ask(sts2.token(pki.host))).rejects.toMatchObject(admitted);

    await other.kms.principals.delete(east);
    expect(await other.kms.entitlements.get('tkp-1')).toEqual({ profiles: [west] });
    await other.kms.principals.delete(west);
    await expect(ask(sts2.token(pki.host))).rejects.toMatchObject({ reason: 'sts_issuer_untrusted' });
    expect(await other.kms.entitlements.get('tkp-1')).toEqual({ profiles: [] });
    await other.kms.entitlements.clear('tkp-1');
    await expect(ask()).rejects.toMatchObject(admitted);
  });

  it('name only principals and providers that there are', async () => {
    await expect(ta.kms.entitlements.set('none', [profile])).rejects.toMatchObject({ status: 404 });
    await makeProvider(ta, { provider: 'tkp-entitled', masterKeyId: 'x', ports: [9] });
    await expect(
      ta.kms.entitlements.set('tkp-entitled', ['00000000-0000-8000-8000-000000000000']),
    ).rejects.toMatchObject({ status: 400 });
  });
});
