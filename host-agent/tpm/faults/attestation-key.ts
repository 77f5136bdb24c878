import { AK_TEMPLATES, TPMA_OBJECT } from '../../../wire/tpm2/index.js';
import type { TpmtPublic } from '../../../wire/tpm2/index.js';
import type { AnyFaultRow, TpmFaultStages } from '../fault-stages.js';
import { createObject, RANDOM_KEYS } from '../object-creation.js';

function without(template: TpmtPublic, attributes: number): TpmtPublic {
  return { ...template, objectAttributes: template.objectAttributes & ~attributes };
}

function withSchemeHash(template: TpmtPublic): TpmtPublic {
  return template.scheme === undefined
    ? template
    : { ...template, scheme: { ...template.scheme, hashAlg: 'SHA1' } };
}

/** Faults of the attestation key. */
export const ATTESTATION_KEY_FAULTS: readonly AnyFaultRow<Pick<TpmFaultStages, 'ak' | 'hello'>>[] = [
  {
    name: 'ak-of-another-tpm',
    catalogueNumbers: [10],
    sentence: 'The host names an attestation key that its TPM does not have.',
    stage: 'hello',
    apply: (hello) => {
      const nothing = { userAuth: Buffer.alloc(0), data: Buffer.alloc(0) };
      return { ...hello, akPublic: createObject(hello.akPublic, nothing, RANDOM_KEYS).publicArea };
    },
  },
  {
    name: 'ak-not-restricted',
    catalogueNumbers: [12],
    sentence: 'The attestation key signs anything, so its quotes could be forged.',
    stage: 'ak',
    apply: (template) => without(template, TPMA_OBJECT.RESTRICTED),
  },
  {
    name: 'ak-exportable',
    catalogueNumbers: [13],
    sentence: 'The attestation key may leave its TPM.',
    stage: 'ak',
    apply: (template) => without(template, TPMA_OBJECT.FIXED_TPM | TPMA_OBJECT.FIXED_PARENT),
  },
  {
    name: 'ak-weak',
    catalogueNumbers: [13],
    sentence: 'The attestation key is RSA with 1024 bits.',
    stage: 'ak',
    apply: () => ({ ...AK_TEMPLATES['rsa2048-rsassa-sha256'], keyBits: 1024 }),
  },
  {
    name: 'ak-signs-with-sha1',
    catalogueNumbers: [23],
    sentence: 'The attestation key signs with SHA-1.',
    stage: 'ak',
    apply: withSchemeHash,
  },
];
