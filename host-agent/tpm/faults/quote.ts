import { createHash, randomBytes } from 'node:crypto';
import {
  decodeTpmsAttest,
  decodeTpmtSignature,
  encodeTpmsAttest,
  encodeTpmtSignature,
} from '../../../wire/tpm2/index.js';
import type { HashAlgorithm } from '../../../wire/tpm2/index.js';
import type { FaultRow, QuoteParts, QuoteRequest, TpmFaultStages } from '../fault-stages.js';

type QuoteFault = FaultRow<TpmFaultStages, 'quote'>;

/** Not TPM_GENERATED_VALUE, so that even a restricted key signs the structure. */
const WRONG_MAGIC = 0x00544347;

/** Faults of the quote. */
export const QUOTE_FAULTS: readonly QuoteFault[] = [
  {
    name: 'ak-not-activated',
    catalogueNumbers: [11],
    sentence:
      'The quote is signed by another attestation key of the same TPM than the one that was activated.',
    stage: 'quote',
    apply: async (request, take) => {
      const other = await request.client.createAk({ unique: Buffer.from('not activated') });
      try {
        return await take({ ...request, ak: other });
      } finally {
        await request.client.flush(other.handle);
      }
    },
  },
  {
    name: 'quote-forged',
    catalogueNumbers: [12],
    sentence: 'The host has made the quote itself and signed it with an attestation key that signs anything.',
    stage: 'quote',
    needs: ['ak-not-restricted'],
    apply: forgedQuote,
  },
  {
    name: 'signature-bit-flip',
    catalogueNumbers: [15],
    sentence: 'One bit of the signature of the quote is flipped.',
    stage: 'quote',
    apply: async (request, take) => {
      const parts = await take(request);
      return { ...parts, signature: withFlippedBit(parts.signature) };
    },
  },
  {
    name: 'magic-wrong',
    catalogueNumbers: [16],
    sentence: 'The attestation key has signed a structure that looks like a quote but that no TPM made.',
    stage: 'quote',
    apply: signedForgery,
  },
  {
    name: 'certify-instead-of-quote',
    catalogueNumbers: [17],
    sentence: 'The host sends a certification of its attestation key instead of a quote.',
    stage: 'quote',
    apply: async ({ client, ak, qualifyingData }) => ({
      ...(await client.certify({ object: ak.handle, ak: ak.handle, qualifyingData })),
      akPublic: ak.publicArea,
    }),
  },
  {
    name: 'nonce-mismatch',
    catalogueNumbers: [18],
    sentence: 'The quote carries other qualifying data than the challenge asks for.',
    stage: 'quote',
    apply: (request, take) =>
      take({ ...request, qualifyingData: randomBytes(request.qualifyingData.length) }),
  },
  {
    name: 'pcr-bank-sha1',
    catalogueNumbers: [22],
    sentence: 'The quote is over the SHA-1 bank.',
    stage: 'quote',
    apply: (request, take) =>
      take({
        ...request,
        selection: request.selection.map(({ pcrs }) => ({ hashAlg: 'SHA1', pcrs })),
      }),
  },
  {
    name: 'signature-algorithm-swapped',
    catalogueNumbers: [23],
    sentence: 'The signature says that it was made with another hash than the attestation key is bound to.',
    stage: 'quote',
    apply: async (request, take) => {
      const parts = await take(request);
      return { ...parts, signature: withOtherHash(parts.signature) };
    },
  },
  {
    name: 'pcr-not-covered',
    catalogueNumbers: [24],
    sentence: 'The quote covers fewer PCRs than the challenge asks for.',
    stage: 'quote',
    apply: (request, take) =>
      take({
        ...request,
        selection: request.selection.map(({ hashAlg, pcrs }) => ({ hashAlg, pcrs: pcrs.slice(0, 1) })),
      }),
  },
  {
    name: 'pcr-selection-empty',
    catalogueNumbers: [25],
    sentence: 'The quote covers no PCR.',
    stage: 'quote',
    apply: (request, take) => take({ ...request, selection: [] }),
  },
  {
    name: 'quote-trailing-bytes',
    catalogueNumbers: [30],
    sentence: 'Bytes follow the end of the attestation structure.',
    stage: 'quote',
    apply: async (request, take) => {
      const parts = await take(request);
      return { ...parts, attest: Buffer.concat([parts.attest, Buffer.from([0])]) };
    },
  },
  {
    name: 'quote-truncated',
    catalogueNumbers: [30],
    sentence: 'The attestation structure lacks its last byte.',
    stage: 'quote',
    apply: async (request, take) => {
      const parts = await take(request);
      return { ...parts, attest: parts.attest.subarray(0, -1) };
    },
  },
  {
    name: 'signature-trailing-bytes',
    catalogueNumbers: [30],
    sentence: 'Bytes follow the end of the signature.',
    stage: 'quote',
    apply: async (request, take) => {
      const parts = await take(request);
      return { ...parts, signature: Buffer.concat([parts.signature, Buffer.from([0])]) };
    },
  },
  {
    name: 'signature-truncated',
    catalogueNumbers: [30],
    sentence: 'The signature lacks its last byte.',
    stage: 'quote',
    apply: async (request, take) => {
      const parts = await take(request);
      return { ...parts, signature: parts.signature.subarray(0, -1) };
    },
  },
];

/** The same numbers under another name: nothing but the algorithm is wrong. */
function withOtherHash(signature: Buffer): Buffer {
  const decoded = decodeTpmtSignature(signature);
  const hashAlg: HashAlgorithm = decoded.hashAlg === 'SHA384' ? 'SHA256' : 'SHA384';
  return encodeTpmtSignature({ ...decoded, hashAlg });
}

/** The lowest bit of the last number of the signature, so that the structure stays readable. */
function withFlippedBit(signature: Buffer): Buffer {
  const decoded = decodeTpmtSignature(signature);
  const flipped = (number: Buffer): Buffer => {
    const copy = Buffer.from(number);
    const last = copy.length - 1;
    copy.writeUInt8(copy.readUInt8(last) ^ 1, last);
    return copy;
  };
  if (decoded.sigAlg === 'ECDSA') return encodeTpmtSignature({ ...decoded, s: flipped(decoded.s) });
  if (decoded.sigAlg === 'HMAC') return encodeTpmtSignature({ ...decoded, digest: flipped(decoded.digest) });
  return encodeTpmtSignature({ ...decoded, signature: flipped(decoded.signature) });
}

/** A restricted key signs what TPM2_Hash gave a ticket for: any data that does not begin with TPM_GENERATED_VALUE. */
async function signedForgery(
  request: QuoteRequest,
  take: (request: QuoteRequest) => Promise<QuoteParts>,
): Promise<QuoteParts> {
  const { client, ak } = request;
  const attest = Buffer.from((await take(request)).attest);
  attest.writeUInt32BE(WRONG_MAGIC, 0);
  const { digest, ticket } = await client.hash(attest, ak.publicArea.scheme?.hashAlg ?? 'SHA256');
  return { attest, signature: await client.sign(ak.handle, digest, { ticket }), akPublic: ak.publicArea };
}

/**
 * A structure that says what a TPM would say, byte for byte, but that the host made: it takes over what is the TPM's
 * own from a real quote, and a key without `restricted` signs its digest.
 */
async function forgedQuote(
  request: QuoteRequest,
  take: (request: QuoteRequest) => Promise<QuoteParts>,
): Promise<QuoteParts> {
  const { client, ak } = request;
  const honest = decodeTpmsAttest((await take(request)).attest);
  const attest = encodeTpmsAttest({ ...honest, firmwareVersion: honest.firmwareVersion ^ 1n });
  const hashAlg = ak.publicArea.scheme?.hashAlg ?? 'SHA256';
  const digest = createHash(hashAlg.toLowerCase()).update(attest).digest();
  return { attest, signature: await client.sign(ak.handle, digest), akPublic: ak.publicArea };
}
