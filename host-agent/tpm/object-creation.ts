import { createHash, randomBytes } from 'node:crypto';
import {
  HASH_ALGORITHMS,
  TPMA_OBJECT,
  TPM_RC,
  TPM_ST,
  TpmError,
  digestBytes,
  encodeTpmtPublic,
  encodeWhole,
  kdfA,
  writeCreationData,
  writePcrSelections,
} from '../../wire/tpm2/index.js';
import type {
  CreationData,
  EccCurve,
  PcrSelection,
  SensitiveCreate,
  Ticket,
  TpmtPublic,
  TpmtSensitive,
} from '../../wire/tpm2/index.js';
import type { TpmDevice } from './device.js';
import { derivedEcc, derivedRsa, randomEcc, randomRsa } from './key-material.js';
import type { EccMaterial, RsaMaterial } from './key-material.js';
import { trimmedAuth } from './tpm-object.js';

/** Where the secret bits of a new object come from. */
export interface KeySource {
  readonly rsa: (keyBits: number) => RsaMaterial;
  readonly ecc: (curve: EccCurve) => EccMaterial;
  /** `length` secret bytes for `purpose`. */
  readonly secret: (purpose: string, length: number) => Buffer;
}

/** A random generator: for ordinary objects. */
export const RANDOM_KEYS: KeySource = {
  rsa: randomRsa,
  ecc: randomEcc,
  secret: (_purpose, length) => randomBytes(length),
};

/** A seed: a primary object is the same each time it is made from the same template (TPM 2.0 Part 1 §14.3). */
export function keysFromSeed(seed: Buffer, template: Buffer): KeySource {
  return {
    rsa: (keyBits) => derivedRsa(keyBits, seed, template),
    ecc: (curve) => derivedEcc(curve, seed, template),
    secret: (purpose, length) =>
      kdfA('SHA256', seed, { label: purpose, contextU: template, bits: length * 8 }),
  };
}

/** What distinguishes one primary object of a hierarchy from another: digest of template and given data. */
export function templateDigest(template: TpmtPublic, data: Buffer): Buffer {
  return createHash('sha256').update(encodeTpmtPublic(template)).update(data).digest();
}

const { FIXED_TPM, FIXED_PARENT, SENSITIVE_DATA_ORIGIN, RESTRICTED, DECRYPT, SIGN, ENCRYPTED_DUPLICATION } =
  TPMA_OBJECT;

/**
 * Checks a template (TPM 2.0 Part 1 §25, Part 3 §12.1).
 *
 * @param parentIsFixed whether the parent can never leave this TPM; a hierarchy cannot
 * @throws TpmError TPM_RC_ATTRIBUTES, TPM_RC_SCHEME, TPM_RC_SYMMETRIC, TPM_RC_HASH
 */
export function checkTemplate(template: TpmtPublic, create: SensitiveCreate, parentIsFixed: boolean): void {
  const has = (bits: number): boolean => (template.objectAttributes & bits) === bits;
  const attributes = (ok: boolean): void => {
    if (!ok) throw new TpmError(TPM_RC.ATTRIBUTES);
  };
  attributes(has(FIXED_TPM) === (has(FIXED_PARENT) && parentIsFixed));
  attributes(!(has(FIXED_TPM) && has(ENCRYPTED_DUPLICATION)));
  attributes(!has(RESTRICTED) || has(SIGN) !== has(DECRYPT));
  if (template.type === 'KEYEDHASH') {
    attributes(!has(DECRYPT));
    attributes(has(SENSITIVE_DATA_ORIGIN) === (create.data.length === 0));
    attributes(has(SIGN) || create.data.length > 0);
    if (has(SIGN) && has(RESTRICTED) && template.scheme === undefined) throw new TpmError(TPM_RC.SCHEME);
    return;
  }
  attributes(has(SENSITIVE_DATA_ORIGIN) && create.data.length === 0);
  attributes(has(SIGN) || has(DECRYPT));
  const isStorage = has(RESTRICTED | DECRYPT);
  if (isStorage === (template.symmetric === undefined)) throw new TpmError(TPM_RC.SYMMETRIC);
  if (has(RESTRICTED | SIGN) && template.scheme === undefined) throw new TpmError(TPM_RC.SCHEME);
  if (has(DECRYPT) && template.scheme !== undefined) throw new TpmError(TPM_RC.SCHEME);
}

/**
 * Makes the two parts of an object from its template.
 *
 * @throws TpmError TPM_RC_SIZE if the authorization value is longer than a digest of the nameAlg
 */
export function createObject(
  template: TpmtPublic,
  create: SensitiveCreate,
  keys: KeySource,
): { publicArea: TpmtPublic; sensitive: TpmtSensitive } {
  const nameBytes = digestBytes(template.nameAlg);
  const authValue = trimmedAuth(create.userAuth);
  if (authValue.length > nameBytes) throw new TpmError(TPM_RC.SIZE);
  const isStorage = (template.objectAttributes & DECRYPT) !== 0 && template.type !== 'KEYEDHASH';
  const seedValue =
    isStorage || template.type === 'KEYEDHASH' ? keys.secret('SEED VALUE', nameBytes) : Buffer.alloc(0);
  const rest = { type: template.type, authValue, seedValue };
  switch (template.type) {
    case 'RSA': {
      const { modulus, prime } = keys.rsa(template.keyBits);
      return { publicArea: { ...template, unique: modulus }, sensitive: { ...rest, sensitive: prime } };
    }
    case 'ECC': {
      const { scalar, x, y } = keys.ecc(template.curve);
      return { publicArea: { ...template, unique: { x, y } }, sensitive: { ...rest, sensitive: scalar } };
    }
    case 'KEYEDHASH': {
      const sensitive =
        create.data.length > 0 ? Buffer.from(create.data) : keys.secret('HMAC KEY', nameBytes);
      const unique = createHash(HASH_ALGORITHMS[template.nameAlg].nodeName)
        .update(seedValue)
        .update(sensitive)
        .digest();
      return { publicArea: { ...template, unique }, sensitive: { ...rest, sensitive } };
    }
  }
}

/** Whose child a new object is: a key, or a hierarchy. */
export interface CreationParent {
  readonly nameAlg: CreationData['parentNameAlg'];
  readonly name: Buffer;
  readonly qualifiedName: Buffer;
  /** TPM_RH */
  readonly hierarchy: number;
}

/** Under what conditions an object was made: creation data, its hash, and the ticket that proves both (TPM 2.0 Part 2 §10.7.3). */
export function creationRecord(
  device: TpmDevice,
  object: { readonly publicArea: TpmtPublic; readonly name: Buffer },
  parent: CreationParent,
  outsideInfo: Buffer,
  creationPcrs: readonly PcrSelection[],
): { creationData: Buffer; creationHash: Buffer; ticket: Ticket } {
  const pcrSelections = device.availablePcrs(creationPcrs);
  const { nodeName } = HASH_ALGORITHMS[object.publicArea.nameAlg];
  const pcrHash = createHash(nodeName);
  for (const value of device.selectedPcrValues(pcrSelections)) pcrHash.update(value);
  const creationData = encodeWhole((writer) => {
    writeCreationData(writer, {
      pcrSelections,
      pcrDigest: pcrHash.digest(),
      locality: 1 << device.locality,
      parentNameAlg: parent.nameAlg,
      parentName: parent.name,
      parentQualifiedName: parent.qualifiedName,
      outsideInfo,
    });
  });
  const creationHash = createHash(nodeName).update(creationData).digest();
  const tag = encodeWhole((writer) => writer.u16(TPM_ST.CREATION));
  const digest = device.proofHmac(parent.hierarchy, tag, object.name, creationHash);
  return {
    creationData,
    creationHash,
    ticket: { tag: TPM_ST.CREATION, hierarchy: parent.hierarchy, digest },
  };
}

/** The bytes of a TPML_PCR_SELECTION. */
export function encodedSelections(selections: readonly PcrSelection[]): Buffer {
  return encodeWhole((writer) => {
    writePcrSelections(writer, selections);
  });
}
