import { createPublicKey, diffieHellman, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import {
  ECC_CURVES,
  SRK_TEMPLATE_P256,
  TPM_RC,
  TpmError,
  encodeWhole,
  kdfE,
  publicJwkOf,
  receiveSeed,
  sendSeed,
} from '../../../wire/tpm2/index.js';
import type { EccCurve, EccPublic } from '../../../wire/tpm2/index.js';

const CURVES = Object.keys(ECC_CURVES) as EccCurve[];

/** A storage key on a curve. */
function newKey(curve: EccCurve): { area: EccPublic; privateKey: KeyObject } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: ECC_CURVES[curve].nodeName });
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const unique = { x: Buffer.from(x, 'base64url'), y: Buffer.from(y, 'base64url') };
  return { area: { ...SRK_TEMPLATE_P256, curve, unique }, privateKey };
}

/** The coordinates in a TPMS_ECC_POINT. */
function coordinatesIn(secret: Buffer): { x: Buffer; y: Buffer } {
  const xBytes = secret.readUInt16BE(0);
  return { x: secret.subarray(2, 2 + xBytes), y: secret.subarray(4 + xBytes) };
}

const pointOf = (x: Buffer, y: Buffer): Buffer => encodeWhole((writer) => writer.sized(x).sized(y));

describe.each(CURVES)('a seed sent to a key on %s', (curve) => {
  it('is received under that key, and is another one under every other', () => {
    const keys = [newKey(curve), newKey(curve)];
    for (const { area, privateKey } of [...keys, ...keys]) {
      const { seed, encryptedSecret } = sendSeed(area, 'IDENTITY');
      expect(receiveSeed(area, privateKey, 'IDENTITY', encryptedSecret)).toEqual(seed);
      expect(receiveSeed(area, privateKey, 'SECRET', encryptedSecret)).not.toEqual(seed);
      for (const other of keys.filter((key) => key.privateKey !== privateKey)) {
        expect(receiveSeed(other.area, other.privateKey, 'IDENTITY', encryptedSecret)).not.toEqual(seed);
      }
    }
  });

  it('is what OpenSSL agrees on, through KDFe', () => {
    const { area, privateKey } = newKey(curve);
    const { seed, encryptedSecret } = sendSeed(area, 'IDENTITY');
    const point = coordinatesIn(encryptedSecret);
    const jwk = publicJwkOf({ ...area, unique: point });
    const z = diffieHellman({ privateKey, publicKey: createPublicKey({ format: 'jwk', key: jwk }) });
    const context = { label: 'IDENTITY', contextU: point.x, contextV: area.unique.x, bits: 256 };
    expect(kdfE('SHA256', z, context)).toEqual(seed);
  });

  it('is refused as TPM_RC_ECC_POINT if the point is not on the curve, and the next one is received', () => {
    const { area, privateKey } = newKey(curve);
    const { seed, encryptedSecret } = sendSeed(area, 'IDENTITY');
    const { x, y } = coordinatesIn(encryptedSecret);
    const bytes = ECC_CURVES[curve].coordinateBytes;
    const flipped = Buffer.from(y);
    flipped.writeUInt8(flipped.readUInt8(0) ^ 1, 0);
    for (const [badX, badY] of [
      [x, flipped],
      [Buffer.alloc(bytes), Buffer.alloc(bytes)],
      [Buffer.alloc(bytes, 0xff), y],
      [Buffer.alloc(0), Buffer.alloc(0)],
    ] as const) {
      const receive = (): Buffer => receiveSeed(area, privateKey, 'IDENTITY', pointOf(badX, badY));
      expect(receive).toThrow(TpmError);
      expect(receive).toThrow(expect.objectContaining({ rc: TPM_RC.ECC_POINT }));
    }
    expect(receiveSeed(area, privateKey, 'IDENTITY', encryptedSecret)).toEqual(seed);
  });
});
