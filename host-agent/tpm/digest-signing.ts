import {
  constants as cryptoConstants,
  createECDH,
  createHash,
  privateEncrypt,
  randomBytes,
} from 'node:crypto';
import { ECC_CURVES, HASH_ALGORITHMS, TPM_RC, TpmError } from '../../wire/tpm2/index.js';
import type { EccCurve, HashAlgorithm, SigningScheme, TpmtSignature } from '../../wire/tpm2/index.js';
import { inverse, toBigInt, toBytes } from './key-material.js';
import type { TpmObject } from './tpm-object.js';

/** DER of AlgorithmIdentifier and OCTET STRING header before a digest (RFC 8017 §9.2, note 1). */
export const DIGEST_INFO_PREFIX: Readonly<Record<HashAlgorithm, string>> = {
  SHA1: '3021300906052b0e03021a05000414',
  SHA256: '3031300d060960864801650304020105000420',
  SHA384: '3041300d060960864801650304020205000430',
  SHA512: '3051300d060960864801650304020305000440',
};

/**
 * Signs a digest that was computed elsewhere, which node:crypto does not offer.
 *
 * @param digest as long as a digest of the scheme's hash
 * @throws TpmError TPM_RC_SCHEME if the scheme does not suit the key, TPM_RC_SIZE if the digest has another length
 */
export function signDigest(key: TpmObject, scheme: SigningScheme, digest: Buffer): TpmtSignature {
  const { publicArea } = key;
  const { hashAlg } = scheme;
  if (digest.length !== HASH_ALGORITHMS[hashAlg].digestBytes) throw new TpmError(TPM_RC.SIZE);
  if (scheme.scheme === 'ECDSA' && publicArea.type === 'ECC') {
    return { sigAlg: 'ECDSA', hashAlg, ...signEcdsa(publicArea.curve, scalarOf(key), digest) };
  }
  if (scheme.scheme === 'RSASSA' && publicArea.type === 'RSA') {
    const encoded = Buffer.concat([Buffer.from(DIGEST_INFO_PREFIX[hashAlg], 'hex'), digest]);
    const signature = privateEncrypt(
      { key: key.privateKey, padding: cryptoConstants.RSA_PKCS1_PADDING },
      encoded,
    );
    return { sigAlg: 'RSASSA', hashAlg, signature };
  }
  if (scheme.scheme === 'RSAPSS' && publicArea.type === 'RSA') {
    const signature = privateEncrypt(
      { key: key.privateKey, padding: cryptoConstants.RSA_NO_PADDING },
      encodePss(hashAlg, digest, publicArea.keyBits),
    );
    return { sigAlg: 'RSAPSS', hashAlg, signature };
  }
  throw new TpmError(TPM_RC.SCHEME);
}

function scalarOf(key: TpmObject): Buffer {
  if (key.sensitive === undefined) throw new TpmError(TPM_RC.KEY);
  return key.sensitive.sensitive;
}

/** ECDSA (FIPS 186-4 §6.4) with a random k; the curve arithmetic is that of ECDH. */
function signEcdsa(curve: EccCurve, scalar: Buffer, digest: Buffer): { r: Buffer; s: Buffer } {
  const { nodeName, orderHex, coordinateBytes } = ECC_CURVES[curve];
  const order = BigInt(`0x${orderHex}`);
  const excessBits = BigInt(Math.max(0, digest.length - coordinateBytes) * 8);
  const e = toBigInt(digest) >> excessBits;
  const ecdh = createECDH(nodeName);
  for (;;) {
    const k = (toBigInt(randomBytes(coordinateBytes + 8)) % (order - 1n)) + 1n;
    ecdh.setPrivateKey(toBytes(k, coordinateBytes));
    const r = toBigInt(ecdh.getPublicKey().subarray(1, 1 + coordinateBytes)) % order;
    const s = (inverse(k, order) * (e + r * toBigInt(scalar))) % order;
    // Both are zero with a probability of 2^-256; the standard asks for another k then.
    if (r !== 0n && s !== 0n) return { r: toBytes(r, coordinateBytes), s: toBytes(s, coordinateBytes) };
  }
}

/** EMSA-PSS (RFC 8017 §9.1.1) with a salt as long as the digest. */
function encodePss(hashAlg: HashAlgorithm, digest: Buffer, keyBits: number): Buffer {
  const { nodeName, digestBytes } = HASH_ALGORITHMS[hashAlg];
  const encodedBytes = keyBits / 8;
  const salt = randomBytes(digestBytes);
  const h = createHash(nodeName).update(Buffer.alloc(8)).update(digest).update(salt).digest();
  const block = Buffer.alloc(encodedBytes - digestBytes - 1);
  block.writeUInt8(1, block.length - digestBytes - 1);
  salt.copy(block, block.length - digestBytes);
  const mask = mgf1(nodeName, h, block.length);
  for (const [index, byte] of mask.entries()) block.writeUInt8(block.readUInt8(index) ^ byte, index);
  block.writeUInt8(block.readUInt8(0) & 0x7f, 0);
  return Buffer.concat([block, h, Buffer.from([0xbc])]);
}

/** MGF1 (RFC 8017 §B.2.1). @param nodeName hash, as node:crypto calls it */
export function mgf1(nodeName: string, seed: Buffer, length: number): Buffer {
  const blocks: Buffer[] = [];
  for (let counter = 0, made = 0; made < length; counter += 1) {
    const suffix = Buffer.alloc(4);
    suffix.writeUInt32BE(counter, 0);
    const block = createHash(nodeName).update(seed).update(suffix).digest();
    blocks.push(block);
    made += block.length;
  }
  return Buffer.concat(blocks, length);
}
