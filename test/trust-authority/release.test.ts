import { generateKeyPairSync } from 'node:crypto';

import { compactDecrypt, decodeProtectedHeader } from 'jose';
import { describe, expect, it } from 'vitest';

import { VapiError } from '../../core/http/index.js';
import { CertificateAuthority } from '../../core/pki/index.js';
import { recipientOf, releasedKey } from '../../trust-authority/kps/release.js';
import { parseWrappedKey, unwrapKey, wrapKey } from '../../trust-authority/kps/wrapped-key.js';
import { basicConstraintsOf } from '../../trust-authority/pki/basic-constraints.js';
import type { HostKeyJwk } from '../../wire/attestation/index.js';
import { fc } from '../property.js';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const jwk = publicKey.export({ format: 'jwk' }) as HostKeyJwk;
const someKey = fc.uint8Array({ minLength: 16, maxLength: 64 });

describe('a released key', () => {
  it('opens with jose and the private key', async () => {
    await fc.assert(
      fc.asyncProperty(someKey, async (key) => {
        const { plaintext } = await compactDecrypt(releasedKey(key, recipientOf(jwk)), privateKey);
        expect(Buffer.from(plaintext)).toEqual(Buffer.from(key));
      }),
      { numRuns: 20 },
    );
  });

  it('has an ephemeral key of its own', () => {
    const recipient = recipientOf(jwk);
    const [one, two] = [0, 1].map(() => releasedKey(Buffer.alloc(32), recipient));
    expect(decodeProtectedHeader(one!).epk).not.toEqual(decodeProtectedHeader(two!).epk);
  });

  it('does not go to a point that is not on the curve', () => {
    const x = Buffer.alloc(32, 1).toString('base64url');
    expect(() => recipientOf({ ...jwk, x })).toThrow();
  });
});

describe('a wrapped key', () => {
  const primary = Buffer.alloc(32, 3);

  it.each([16, 24, 32, 48, 64])('of %i bytes unwraps to what was wrapped', (length) => {
    const key = Buffer.alloc(length, 9);
    const wrapped = parseWrappedKey(wrapKey(key, 'tkp-1', 'id-1', primary));
    expect(wrapped.primaryKeyId).toBe('id-1');
    expect(unwrapKey(wrapped, 'tkp-1', primary)).toEqual(key);
  });

  it('unwraps neither altered, nor for another provider, nor under another key', () => {
    const ciphertext = wrapKey(Buffer.alloc(32), 'tkp-1', 'id-1', primary);
    const refused = (text: string, provider = 'tkp-1', key = primary) =>
      expect(() => unwrapKey(parseWrappedKey(text), provider, key)).toThrow(VapiError);
    refused(ciphertext, 'tkp-2');
    refused(ciphertext, 'tkp-1', Buffer.alloc(32, 4));
    const length = Buffer.from(ciphertext, 'base64').length;
    for (let at = 0; at < length; at += 1) {
      const bytes = Buffer.from(ciphertext, 'base64');
      bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
      refused(bytes.toString('base64'));
    }
  });

  it('that is none is refused, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const parse = () =>
          unwrapKey(parseWrappedKey(Buffer.from(bytes).toString('base64')), 'tkp-1', primary);
        expect(parse).toThrow(VapiError);
      }),
    );
  });
});

describe('basic constraints', () => {
  it('are read from certificates of authorities and of others', async () => {
    const authority = await CertificateAuthority.create({ commonName: 'CA' });
    expect(basicConstraintsOf(authority.certificate.raw).isAuthority).toBe(true);
    const leaf = authority.issueFor(authority.certificate.publicKey, {
      commonName: 'leaf',
    });
    expect(basicConstraintsOf(leaf.raw).isAuthority).toBe(false);
  });

  it('that cannot be read count as those of an authority', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(basicConstraintsOf(Buffer.from(bytes)).isAuthority).toBeTypeOf('boolean');
      }),
    );
    expect(basicConstraintsOf(Buffer.from('3003020101', 'hex')).isAuthority).toBe(true);
  });
});
