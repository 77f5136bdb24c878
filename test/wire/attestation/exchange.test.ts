import { createHash, createHmac, randomBytes } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import {
  AttestationError,
  EXCHANGE_LIMITS,
  activationProof,
  decodeContext,
  decodeContextOf,
  encodeContext,
  hostKeyThumbprint,
  httpsUrlOf,
  networkAddressOf,
  quoteQualifyingData,
} from '../../../wire/attestation/index.js';
import type { ExchangeContext } from '../../../wire/attestation/index.js';
import { fc } from '../../property.js';

const base64 = (maxLength: number) =>
  fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes).toString('base64'));
const base64url32 = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString('base64url'));
const counter = fc.nat(0xffffffff);
const hostKey = fc.record({
  kty: fc.constant('EC' as const),
  crv: fc.constant('P-256' as const),
  x: base64url32,
  y: base64url32,
});

const contexts = fc.oneof(
  fc.record({
    kind: fc.constant('hello' as const),
    akPublic: base64(200),
    hostId: fc.uuid(),
    hostKeyJwk: hostKey,
    clientCertificateSha256: base64url32,
    clock: fc.record({ resetCount: counter, restartCount: counter }),
  }),
  fc.record({
    kind: fc.constant('challenge' as const),
    idObject: base64(200),
    encryptedSecret: base64(256),
    nonce: base64(32),
    pcrSelection: fc.constant([{ hashAlg: 'SHA256' as const, pcrs: [0, 7, 23] }]),
    state: fc.stringMatching(/^[A-Za-z0-9_.-]{1,300}$/),
  }),
  fc.record({
    kind: fc.constant('evidence' as const),
    state: fc.stringMatching(/^[A-Za-z0-9_.-]{1,300}$/),
    activationProof: base64(32),
    attest: base64(300),
    signature: base64(100),
    pcrValues: fc.constant({ SHA256: { '0': 'ab'.repeat(32), '23': '00'.repeat(32) } }),
    eventLog: base64(1000),
    akPublic: base64(200),
  }),
  fc.record({
    kind: fc.constant('appraisal' as const),
    steps: fc.constant([
      { name: 'signature' as const, status: 'failed' as const, reason: 'bad_signature' as const },
    ]),
  }),
) as fc.Arbitrary<ExchangeContext>;

describe('an exchange context', () => {
  it('decodes to what was encoded', () => {
    fc.assert(
      fc.property(contexts, (context) => {
        expect(decodeContext(encodeContext(context))).toEqual(context);
      }),
    );
  });

  it('is refused with one error, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), base64(300)), (text) => {
        expect(() => decodeContext(text)).toThrow(AttestationError);
      }),
    );
  });

  it('is refused if a field is added, removed or replaced', () => {
    fc.assert(
      fc.property(
        contexts,
        fc.constantFrom('extra', 'state', 'hostId', 'kind', 'steps'),
        fc.anything(),
        (context, field, value) => {
          const changed = { ...context, [field]: value };
          const text = Buffer.from(JSON.stringify(changed)).toString('base64');
          try {
            expect(decodeContext(text).kind).toBe(context.kind);
          } catch (error) {
            expect(error).toMatchObject({ reason: 'malformed_evidence' });
          }
        },
      ),
    );
  });

  it('never repeats a value that it refuses', () => {
    const text = Buffer.from('{"kind":"hello","akPublic":"top secret"}').toString('base64');
    expect(() => decodeContext(text)).toThrow(/akPublic/);
    expect(() => decodeContext(text)).not.toThrow(/top secret/);
  });

  it('is bounded', () => {
    expect(() => decodeContext('A'.repeat(EXCHANGE_LIMITS.contextCharacters + 4))).toThrow(/too long/);
  });

  it('must be of the kind that is expected', () => {
    const appraisal = encodeContext({ kind: 'appraisal', steps: [] });
    expect(decodeContextOf('appraisal', appraisal)).toEqual({ kind: 'appraisal', steps: [] });
    expect(() => decodeContextOf('hello', appraisal)).toThrow(/Expected the context hello/);
  });
});

describe('what evidence is bound to', () => {
  // Example key of RFC 7517 appendix A.1.
  const jwk = {
    kty: 'EC',
    crv: 'P-256',
    x: 'MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4',
    y: '4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM',
  } as const;

  it('is the thumbprint of the host key (RFC 7638)', () => {
    const canonical = `{"crv":"P-256","kty":"EC","x":"${jwk.x}","y":"${jwk.y}"}`;
    expect(hostKeyThumbprint(jwk)).toEqual(createHash('sha256').update(canonical).digest());
    expect(hostKeyThumbprint({ y: jwk.y, x: jwk.x, kty: 'EC', crv: 'P-256' })).toEqual(
      hostKeyThumbprint(jwk),
    );
  });

  it('is nonce, host key and certificate together', () => {
    const nonce = Buffer.alloc(32, 1);
    const certificate = Buffer.alloc(32, 2);
    const clientCertificateSha256 = certificate.toString('base64url');
    expect(quoteQualifyingData({ nonce, hostKeyJwk: jwk, clientCertificateSha256 })).toEqual(
      createHash('sha256')
        .update(Buffer.concat([nonce, hostKeyThumbprint(jwk), certificate]))
        .digest(),
    );
  });

  it('is proved by a MAC over quote and log under the secret', () => {
    const [secret, attest, signature, eventLog] = [1, 2, 3, 4].map(() => randomBytes(40)) as [
      Buffer,
      Buffer,
      Buffer,
      Buffer,
    ];
    const digest = createHash('sha256')
      .update(Buffer.concat([attest, signature, eventLog]))
      .digest();
    expect(activationProof({ secret, attest, signature, eventLog })).toEqual(
      createHmac('sha256', secret).update(digest).digest(),
    );
  });
});

describe('a network address', () => {
  it.each([
    ['https://127.0.0.1:40123', { hostname: '127.0.0.1', port: 40123 }],
    ['https://ta-1.example:443', { hostname: 'ta-1.example', port: 443 }],
    ['https://[::1]:8443', { hostname: '::1', port: 8443 }],
  ])('stands for %s', (url, address) => {
    expect(httpsUrlOf(address)).toBe(url);
    expect(networkAddressOf(url)).toEqual(address);
  });
});
