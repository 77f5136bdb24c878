import { createHash, createPrivateKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { zeroise } from '../../core/secret.js';
import {
  HASH_ALGORITHMS,
  TPM_RC,
  TPMA_OBJECT,
  TpmError,
  encodeWhole,
  objectName,
} from '../../wire/tpm2/index.js';
import type { TpmtPublic, TpmtSensitive } from '../../wire/tpm2/index.js';
import { eccPrivateJwk, rsaPrivateJwk } from './key-material.js';

/** An object that is loaded into the TPM: a key, or sealed data; with its secret part, or without. */
export class TpmObject {
  readonly publicArea: TpmtPublic;
  /** undefined for an object of which only the public part was loaded. */
  readonly sensitive: TpmtSensitive | undefined;
  /** TPM_RH of the hierarchy. */
  readonly hierarchy: number;
  readonly name: Buffer;
  /** Hash over the names from the hierarchy down (TPM 2.0 Part 1 §16). */
  readonly qualifiedName: Buffer;
  /** Qualified name of the parent; of a primary object, the handle of its hierarchy. */
  readonly parentQualifiedName: Buffer;
  #privateKey: KeyObject | undefined;

  constructor(
    publicArea: TpmtPublic,
    sensitive: TpmtSensitive | undefined,
    hierarchy: number,
    parentQualifiedName: Buffer,
  ) {
    this.publicArea = publicArea;
    this.sensitive = sensitive;
    this.hierarchy = hierarchy;
    this.parentQualifiedName = parentQualifiedName;
    this.name = objectName(publicArea);
    const row = HASH_ALGORITHMS[publicArea.nameAlg];
    const digest = createHash(row.nodeName).update(parentQualifiedName).update(this.name).digest();
    this.qualifiedName = encodeWhole((writer) => writer.u16(row.id).bytes(digest));
  }

  /** True if every bit of `attributes` (TPMA_OBJECT) is set. */
  has(attributes: number): boolean {
    return (this.publicArea.objectAttributes & attributes) === attributes;
  }

  /** A restricted decryption key, under which other objects can be kept. */
  get isStorageKey(): boolean {
    return (
      this.publicArea.type !== 'KEYEDHASH' &&
      this.has(TPMA_OBJECT.RESTRICTED | TPMA_OBJECT.DECRYPT) &&
      !this.has(TPMA_OBJECT.SIGN)
    );
  }

  get authValue(): Buffer {
    return this.sensitive?.authValue ?? Buffer.alloc(0);
  }

  /**
   * The private key, made ready once.
   *
   * @throws TpmError TPM_RC_KEY if only the public part is loaded, TPM_RC_BINDING if the parts do not belong together
   */
  get privateKey(): KeyObject {
    this.#privateKey ??= this.#importPrivateKey();
    return this.#privateKey;
  }

  #importPrivateKey(): KeyObject {
    const { publicArea, sensitive } = this;
    if (sensitive === undefined || publicArea.type === 'KEYEDHASH') throw new TpmError(TPM_RC.KEY);
    if (sensitive.type !== publicArea.type) throw new TpmError(TPM_RC.TYPE);
    try {
      const jwk =
        publicArea.type === 'ECC'
          ? eccPrivateJwk(publicArea.curve, sensitive.sensitive, publicArea.unique)
          : rsaPrivateJwk(publicArea.unique, sensitive.sensitive);
      return createPrivateKey({ format: 'jwk', key: jwk });
    } catch (error) {
      throw new TpmError(TPM_RC.BINDING, undefined, { cause: error });
    }
  }

  /** Overwrites the secret part; the object cannot be used afterwards. */
  destroy(): void {
    zeroise(this.sensitive?.authValue, this.sensitive?.seedValue, this.sensitive?.sensitive);
    this.#privateKey = undefined;
  }
}

/** An authorization value as the TPM keeps it: without zero bytes at its end (TPM 2.0 Part 1 §19.6.4.3). */
export function trimmedAuth(auth: Buffer): Buffer {
  let length = auth.length;
  while (length > 0 && auth.readUInt8(length - 1) === 0) length -= 1;
  return Buffer.from(auth.subarray(0, length));
}
