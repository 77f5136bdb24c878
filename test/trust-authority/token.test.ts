import { createHmac, createPrivateKey, generateKeyPairSync, randomUUID } from 'node:crypto';
import { join } from 'node:path';

import { CompactSign, SignJWT, decodeJwt, decodeProtectedHeader } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { systemClock } from '../../core/clock.js';
import { CertificateAuthority, parseCertificate, certificateX5tS256 } from '../../core/pki/index.js';
import { x509 } from '../../core/pki/x509.js';
import { Sealer } from '../../core/store/sealer.js';
import { openDatabase } from '../../core/store/sqlite.js';
import { networkAddressOf } from '../../wire/attestation/index.js';
import type { KmsAuthClaims } from '../../wire/attestation/index.js';
import type { TestTrustAuthority, TrustPki } from './harness.js';
import { makeTrustPki, startTrustAuthority } from './harness.js';
import type { TestHost } from './test-host.js';
import { fc } from '../property.js';

let pki: TrustPki;
let ta: TestTrustAuthority;
let host: TestHost;
let token: string;

beforeAll(async () => {
  pki = await makeTrustPki();
  ta = await startTrustAuthority(pki);
  host = await ta.bootHost();
  token = await host.token();
});

afterAll(() => ta[Symbol.asyncDispose]());

/** Uses a token at a key provider service; the provider does not exist, so that a token that passes answers 404. */
function use(text: string, at: TestTrustAuthority = ta, identity = pki.host): Promise<unknown> {
  return at.kmsAs(identity).decrypt({ provider: 'none', ciphertext: 'AAAA' }, text);
}

const PASSED = { status: 404 };

function encoded(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

const headerOf = (): Record<string, unknown> => ({ ...decodeProtectedHeader(token) });
const claimsOf = (): KmsAuthClaims => decodeJwt<KmsAuthClaims>(token);

/** The service's real signing key, out of its store, to make tokens that only their content spoils. */
async function signingKey(at: TestTrustAuthority): Promise<ReturnType<typeof createPrivateKey>> {
  const sealer = await Sealer.load(at.context.dataDir);
  const database = openDatabase(join(at.context.dataDir, 'trust-authority.db'), ['']);
  const row = database
    .prepare(`SELECT sealed FROM secret WHERE kind = 'private-key' AND id = 'attestation-signing'`)
    .get() as { sealed: Uint8Array };
  database.close();
  return createPrivateKey(sealer.open(row.sealed, 'private-key/attestation-signing').toString('utf8'));
}

async function signed(
  claims: Record<string, unknown>,
  header: Record<string, unknown> = {},
): Promise<string> {
  return new SignJWT({ ...claimsOf(), ...claims })
    .setProtectedHeader({ ...headerOf(), alg: 'ES256', ...header })
    .sign(await signingKey(ta));
}

/** Gives an attestation service a new signing certificate over its request. */
async function rotate(
  at: TestTrustAuthority,
  profile: { readonly notAfter?: Date } = {},
  issuersPem: readonly string[] = [],
): Promise<void> {
  const { csr } = await at.attestation.certificate.createCsr();
  const request = new x509.Pkcs10CertificateRequest(csr);
  const issued = pki.authority.issueFor(await request.publicKey.export(), {
    commonName: 'signer',
    ...profile,
  });
  await at.attestation.certificate.replace({ cert_chain: [issued.toString(), ...issuersPem] });
}

describe('a token', () => {
  it('passes as it was issued', async () => {
    await expect(use(token)).rejects.toMatchObject(PASSED);
  });

  it('without a signature algorithm is refused', async () => {
    const [, payload] = token.split('.');
    const forged = `${encoded({ ...headerOf(), alg: 'none' })}.${payload}.`;
    await expect(use(forged)).rejects.toMatchObject({ reason: 'token_alg' });
  });

  it('with an HMAC under the public key is refused', async () => {
    const { cert_chain } = await ta.attestation.certificate.get();
    const publicPem = parseCertificate(cert_chain[0]!).publicKey.export({ type: 'spki', format: 'pem' });
    const [, payload] = token.split('.');
    const signing = `${encoded({ ...headerOf(), alg: 'HS256' })}.${payload}`;
    const mac = createHmac('sha256', publicPem).update(signing).digest('base64url');
    await expect(use(`${signing}.${mac}`)).rejects.toMatchObject({ reason: 'token_alg' });
  });

  it.each([['../../../etc/passwd'], ['https://example.com/key'], ['A'.repeat(43)], [''], [undefined]])(
    'with the key id %j is refused',
    async (kid) => {
      await expect(use(await signed({}, { kid }))).rejects.toMatchObject({ reason: 'token_key_untrusted' });
    },
  );

  it.each(['jwk', 'jku', 'x5u', 'x5c'])(
    'that brings its own key in the header %s is refused',
    async (name) => {
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const value = {
        jwk: publicKey.export({ format: 'jwk' }),
        jku: 'https://example.com/keys',
        x5u: 'https://example.com/certificate',
        x5c: [Buffer.from(publicKey.export({ type: 'spki', format: 'der' })).toString('base64')],
      }[name];
      const forged = await new CompactSign(Buffer.from(JSON.stringify(claimsOf())))
        .setProtectedHeader({ ...headerOf(), alg: 'ES256', [name]: value })
        .sign(privateKey);
      await expect(use(forged)).rejects.toMatchObject({ reason: 'token_key_untrusted' });
    },
  );

  it('that another key signed under the right key id is refused', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const forged = await new SignJWT({ ...claimsOf() })
      .setProtectedHeader({ ...headerOf(), alg: 'ES256' })
      .sign(privateKey);
    await expect(use(forged)).rejects.toMatchObject({ reason: 'token_key_untrusted' });
  });

  it('passes within the leeway after it expired, and not beyond', async () => {
    const now = Math.floor(systemClock.now() / 1000);
    await expect(use(await signed({ exp: now - 50 }))).rejects.toMatchObject(PASSED);
    await expect(use(await signed({ exp: now - 70 }))).rejects.toMatchObject({ reason: 'token_expired' });
  });

  it('passes within the leeway before it is valid, and not beyond', async () => {
    const now = Math.floor(systemClock.now() / 1000);
    await expect(use(await signed({ nbf: now + 50 }))).rejects.toMatchObject(PASSED);
    await expect(use(await signed({ nbf: now + 70 }))).rejects.toMatchObject({
      reason: 'token_not_yet_valid',
    });
  });

  it('expires also if it was verified before', async () => {
    await using other = await startTrustAuthority(pki);
    const issued = await (await other.bootHost()).token();
    await expect(use(issued, other)).rejects.toMatchObject(PASSED);
    other.clock.advance(8 * 3600_000 + 61_000);
    await expect(use(issued, other)).rejects.toMatchObject({ reason: 'token_expired' });
  });

  it('of an issuer that is not registered, or of another group, is refused', async () => {
    const unknown = await signed({ iss: 'https://127.0.0.1:1' });
    await expect(use(unknown)).rejects.toMatchObject({ reason: 'issuer_not_in_group' });
    await expect(use(await signed({ group: 'group-2' }))).rejects.toMatchObject({
      reason: 'issuer_not_in_group',
    });
    await using other = await startTrustAuthority(pki, { group: 'group-2' });
    const foreign = await (await other.bootHost()).token();
    await ta.kms.attestationServices.register({
      address: networkAddressOf(other.attestationUrl),
      trusted_CA: { cert_chain: [pki.authority.caPem] },
      group: 'group-2',
    });
    await expect(use(foreign)).rejects.toMatchObject({ reason: 'issuer_not_in_group' });
  });

  it('of another service of the group passes once that is registered, and no longer when it is removed', async () => {
    await using other = await startTrustAuthority(pki);
    const foreign = await (await other.bootHost()).token();
    await expect(use(foreign)).rejects.toMatchObject({ reason: 'issuer_not_in_group' });
    const id = await ta.kms.attestationServices.register({
      address: networkAddressOf(other.attestationUrl),
      trusted_CA: { cert_chain: [pki.authority.caPem] },
      group: 'group-1',
    });
    await expect(use(foreign)).rejects.toMatchObject(PASSED);
    await ta.kms.attestationServices.delete(id);
    await expect(use(foreign)).rejects.toMatchObject({ reason: 'issuer_not_in_group' });
  });

  it('of a service that cannot be reached is told apart from one that is not trusted', async () => {
    const other = await startTrustAuthority(pki);
    const foreign = await (await other.bootHost()).token();
    await ta.kms.attestationServices.register({
      address: networkAddressOf(other.attestationUrl),
      trusted_CA: { cert_chain: [pki.authority.caPem] },
      group: 'group-1',
    });
    await other[Symbol.asyncDispose]();
    await expect(use(foreign)).rejects.toMatchObject({ reason: 'attestation_service_unreachable' });
  });

  it('for another audience is refused', async () => {
    await expect(use(await signed({ aud: 'kpsim:kms:group-2' }))).rejects.toMatchObject({
      reason: 'audience_mismatch',
    });
  });

  it('of the type REPORTING_JWT is refused', async () => {
    const { result } = await host.attest(['REPORTING_JWT']);
    await expect(use(result.documents[0]!.document)).rejects.toMatchObject({ reason: 'wrong_document_type' });
  });

  it('is of no use to another client', async () => {
    await expect(use(token, ta, pki.otherHost)).rejects.toMatchObject({ reason: 'holder_mismatch' });
  });

  it('that was signed with the certificate before is refused once there is a new one', async () => {
    await using other = await startTrustAuthority(pki);
    const rotated = await other.bootHost();
    const old = await rotated.token();
    await expect(use(old, other)).rejects.toMatchObject(PASSED);
    const { csr } = await other.attestation.certificate.createCsr();
    const request = new x509.Pkcs10CertificateRequest(csr);
    const issued = pki.authority.issueFor(await request.publicKey.export(), { commonName: 'signer' });
    await other.attestation.certificate.replace({ cert_chain: [issued.toString()] });
    const renewed = await rotated.token();
    expect(decodeProtectedHeader(renewed).kid).toBe(certificateX5tS256(issued.toString()));
    await expect(use(renewed, other)).rejects.toMatchObject(PASSED);
    await expect(use(old, other)).rejects.toMatchObject({ reason: 'token_key_untrusted' });
  });

  it('stays good when its attestation service goes down after it was verified', async () => {
    const other = await startTrustAuthority(pki);
    const foreign = await (await other.bootHost()).token();
    await using third = await startTrustAuthority(pki);
    await third.kms.attestationServices.register({
      address: networkAddressOf(other.attestationUrl),
      trusted_CA: { cert_chain: [pki.authority.caPem] },
      group: 'group-1',
    });
    await expect(use(foreign, third)).rejects.toMatchObject(PASSED);
    await other[Symbol.asyncDispose]();
    third.clock.advance(301_000);
    await expect(use(foreign, third)).rejects.toMatchObject(PASSED);
  });

  it('is trusted for a bounded time only while its attestation service is down', async () => {
    const other = await startTrustAuthority(pki, { attestation: { tokenLifetimeSeconds: 30 * 86_400 } });
    const foreign = await (await other.bootHost()).token();
    await using third = await startTrustAuthority(pki, { kms: { signingCertificateOutageSeconds: 3600 } });
    await third.kms.attestationServices.register({
      address: networkAddressOf(other.attestationUrl),
      trusted_CA: { cert_chain: [pki.authority.caPem] },
      group: 'group-1',
    });
    await expect(use(foreign, third)).rejects.toMatchObject(PASSED);
    await other[Symbol.asyncDispose]();
    third.clock.advance((300 + 3590) * 1000);
    await expect(use(foreign, third)).rejects.toMatchObject(PASSED);
    third.clock.advance(20_000);
    await expect(use(foreign, third)).rejects.toMatchObject({ reason: 'attestation_service_unreachable' });
  });

  it('under the certificate before is refused at once when one under the new certificate was seen, otherwise within 300 s', async () => {
    await using other = await startTrustAuthority(pki);
    const rotated = await other.bootHost();
    const old = await rotated.token();
    await expect(use(old, other)).rejects.toMatchObject(PASSED);
    await rotate(other);
    await expect(use(old, other)).rejects.toMatchObject(PASSED);
    other.clock.advance(300_000);
    await expect(use(old, other)).rejects.toMatchObject({ reason: 'token_key_untrusted' });
    const next = await rotated.token();
    await rotate(other);
    const last = await rotated.token();
    await expect(use(next, other)).rejects.toMatchObject(PASSED);
    await expect(use(last, other)).rejects.toMatchObject(PASSED);
    await expect(use(next, other)).rejects.toMatchObject({ reason: 'token_key_untrusted' });
  });

  it('is refused once the certificate that signed it has expired, also if it was verified before', async () => {
    await using other = await startTrustAuthority(pki, {
      attestation: { tokenLifetimeSeconds: 30 * 86_400 },
    });
    await rotate(other, { notAfter: new Date(systemClock.now() + 86_400_000) });
    const issued = await (await other.bootHost()).token();
    await expect(use(issued, other)).rejects.toMatchObject(PASSED);
    other.clock.advance(86_400_000 + 1000);
    await expect(use(issued, other)).rejects.toMatchObject({ reason: 'token_key_untrusted' });
  });

  it('is refused if the chain of the certificate that signed it does not fit together', async () => {
    await using other = await startTrustAuthority(pki);
    const stranger = await CertificateAuthority.create({ commonName: 'stranger' });
    await rotate(other, {}, [stranger.caPem]);
    const guest = await other.bootHost();
    const issued = await guest.token();
    await expect(use(issued, other)).rejects.toMatchObject({ reason: 'token_key_untrusted' });
    await rotate(other, {}, [pki.authority.caPem]);
    const mended = await guest.token();
    await expect(use(mended, other)).rejects.toMatchObject(PASSED);
  });

  it('stays valid until it expires though the policy under which it was issued was changed (catalogue 54)', async () => {
    await using other = await startTrustAuthority(pki);
    const guest = await other.bootHost();
    const issued = await guest.token();
    for (const { image } of await other.attestation.baseImages.list()) {
      await other.attestation.baseImages.delete(image);
    }
    await other.attestation.settings.update({ require_endorsement_keys: true });
    expect((await guest.attest(['KMS_AUTH_JWT'])).result.attested).toBe(false);
    await expect(use(issued, other)).rejects.toMatchObject(PASSED);
    other.clock.advance((8 * 3600 + 30) * 1000);
    await expect(use(issued, other)).rejects.toMatchObject(PASSED);
    other.clock.advance(31_000);
    await expect(use(issued, other)).rejects.toMatchObject({ reason: 'token_expired' });
  });

  it('that would live longer than 31 days is refused', async () => {
    const now = Math.floor(systemClock.now() / 1000);
    const life = 31 * 86_400;
    const longest = await signed({ iat: now, nbf: now, exp: now + life });
    await expect(use(longest)).rejects.toMatchObject(PASSED);
    for (const claims of [
      { iat: now, nbf: now, exp: now + life + 1 },
      { iat: now - 1, nbf: now, exp: now + life },
      { iat: now, nbf: now - 1, exp: now + life },
    ]) {
      await expect(use(await signed(claims))).rejects.toMatchObject({ reason: 'token_malformed' });
    }
  });

  it('that was issued in the future is refused, whatever it says of its validity', async () => {
    const now = Math.floor(systemClock.now() / 1000);
    await expect(use(await signed({ iat: now + 70, nbf: now }))).rejects.toMatchObject({
      reason: 'token_not_yet_valid',
    });
    await expect(use(await signed({ iat: now + 50, nbf: now }))).rejects.toMatchObject(PASSED);
  });

  it('with unknown key ids makes the service fetch only so often', async () => {
    await using other = await startTrustAuthority(pki);
    const good = await (await other.bootHost()).token();
    const claims = decodeJwt(good);
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const fetches = () =>
      other.context.journal.entries().filter(({ operation }) => operation === 'attestation.certificate.get')
        .length;
    const before = fetches();
    for (let attempt = 0; attempt < 30; attempt += 1) {
      const forged = await new SignJWT({ ...claims })
        .setProtectedHeader({
          ...decodeProtectedHeader(good),
          alg: 'ES256',
          kid: Buffer.alloc(32, attempt).toString('base64url'),
        })
        .sign(privateKey);
      await expect(use(forged, other)).rejects.toMatchObject({ reason: 'token_key_untrusted' });
    }
    expect(fetches() - before).toBe(10);
  });

  it('that is missing, malformed or hostile is refused without harm', async () => {
    const kms = ta.kmsAs(pki.host);
    const tokens = fc.oneof(
      fc.string({ minLength: 1, maxLength: 200 }).map((text) => Buffer.from(text).toString('base64url')),
      fc
        .tuple(fc.json(), fc.json())
        .map(([header, payload]) =>
          [header, payload, 'x'].map((part) => Buffer.from(part).toString('base64url')).join('.'),
        ),
      fc.json().map((payload) => `${encoded(headerOf())}.${Buffer.from(payload).toString('base64url')}.AAAA`),
      fc
        .dictionary(fc.constantFrom('iss', 'aud', 'exp', 'cnf', 'group'), fc.anything())
        .map(
          (change) =>
            `${encoded(headerOf())}.${encoded({ ...claimsOf(), jti: randomUUID(), ...change })}.AAAA`,
        ),
    );
    await fc.assert(
      fc.asyncProperty(tokens, async (text) => {
        await expect(kms.decrypt({ provider: 'none', ciphertext: 'AAAA' }, text)).rejects.toMatchObject({
          name: 'AttestationError',
        });
      }),
      { numRuns: 150 },
    );
    await expect(kms.decrypt({ provider: 'none', ciphertext: 'AAAA' }, token)).rejects.toMatchObject(PASSED);
  });
});
