import { describe, expect, it } from 'vitest';
import {
  AK_TEMPLATES,
  ENDORSEMENT_KEYS,
  EK_POLICY_SHA256,
  HASH_ALGORITHMS,
  TPM_CC,
  TPM_GENERATED_VALUE,
  TPM_RC,
  TpmError,
  TpmReader,
  decodeCommand,
  decodeResponse,
  decodeTpm2bPublic,
  decodeTpmsAttest,
  decodeTpmtPublic,
  decodeTpmtSignature,
  encodeCommand,
  encodeResponse,
  encodeTpm2bPublic,
  encodeTpmsAttest,
  encodeTpmtPublic,
  encodeTpmtSignature,
  encodeWhole,
  handleRc,
  decodeRc,
  parameterRc,
  pcrDigest,
  readNvPublic,
  readPcrSelections,
  samePcrSelections,
  sessionRc,
  writeNvPublic,
  writePcrSelections,
} from '../../../wire/tpm2/index.js';
import type {
  AttestType,
  Attested,
  CommandName,
  CommandRow,
  HashAlgorithm,
  TpmtSignature,
} from '../../../wire/tpm2/index.js';
import { fc } from '../../property.js';

const hashAlg = fc.constantFrom(...(Object.keys(HASH_ALGORITHMS) as HashAlgorithm[]));
const bytes = (maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const selections = fc.array(
  fc.record({
    hashAlg,
    pcrs: fc.uniqueArray(fc.integer({ min: 0, max: 23 })).map((pcrs) => pcrs.sort((a, b) => a - b)),
  }),
  { maxLength: 4 },
);
const clockInfo = fc.record({ clock: u64, resetCount: u32, restartCount: u32, safe: fc.boolean() });
const attested: { [Type in AttestType]: fc.Arbitrary<Extract<Attested, { type: Type }>> } = {
  QUOTE: fc.record({ type: fc.constant('QUOTE' as const), selections, pcrDigest: bytes(64) }),
  CERTIFY: fc.record({ type: fc.constant('CERTIFY' as const), name: bytes(66), qualifiedName: bytes(66) }),
  TIME: fc.record({ type: fc.constant('TIME' as const), time: u64, clockInfo, firmwareVersion: u64 }),
  CREATION: fc.record({
    type: fc.constant('CREATION' as const),
    objectName: bytes(66),
    creationHash: bytes(64),
  }),
  NV: fc.record({
    type: fc.constant('NV' as const),
    indexName: bytes(66),
    offset: fc.integer({ min: 0, max: 0xffff }),
    nvContents: bytes(100),
  }),
};
const attest = fc.record({
  magic: u32,
  qualifiedSigner: bytes(66),
  extraData: bytes(66),
  clockInfo,
  firmwareVersion: u64,
  attested: fc.oneof(...Object.values(attested)),
});
const signature: fc.Arbitrary<TpmtSignature> = fc.oneof(
  fc.record({
    sigAlg: fc.constantFrom('RSASSA' as const, 'RSAPSS' as const),
    hashAlg,
    signature: bytes(256),
  }),
  fc.record({ sigAlg: fc.constant('ECDSA' as const), hashAlg, r: bytes(48), s: bytes(48) }),
);

describe('structures', () => {
  it('read back every attestation structure that they write', () => {
    fc.assert(
      fc.property(attest, (value) => {
        expect(decodeTpmsAttest(encodeTpmsAttest(value))).toEqual(value);
      }),
    );
  });

  it('read back every signature that they write', () => {
    fc.assert(
      fc.property(signature, (value) => {
        expect(decodeTpmtSignature(encodeTpmtSignature(value))).toEqual(value);
      }),
    );
  });

  it.each(
    Object.entries({
      ...AK_TEMPLATES,
      rsa2048: ENDORSEMENT_KEYS.rsa2048.template,
      p256: ENDORSEMENT_KEYS.p256.template,
    }),
  )('read back the public area %s', (_name, area) => {
    expect(decodeTpmtPublic(encodeTpmtPublic(area))).toEqual(area);
    expect(decodeTpm2bPublic(encodeTpm2bPublic(area))).toEqual(area);
  });

  it('read back every PCR selection that they write', () => {
    fc.assert(
      fc.property(selections, (value) => {
        const encoded = encodeWhole((writer) => writePcrSelections(writer, value));
        const decoded = readPcrSelections(new TpmReader(encoded));
        expect(samePcrSelections(decoded, value)).toBe(true);
      }),
    );
  });

  it('read back the public area of an NV index', () => {
    const index = {
      nvIndex: 0x01c00002,
      nameAlg: 'SHA256' as const,
      attributes: 0x62072001,
      authPolicy: Buffer.alloc(0),
      dataBytes: 900,
    };
    const encoded = encodeWhole((writer) => writeNvPublic(writer, index));
    expect(readNvPublic(new TpmReader(encoded))).toEqual(index);
  });

  it('refuse bytes after the end and too few bytes', () => {
    const encoded = encodeTpmtPublic(AK_TEMPLATES['p256-ecdsa-sha256']);
    expect(() => decodeTpmtPublic(Buffer.concat([encoded, Buffer.alloc(1)]))).toThrow(
      expect.objectContaining({ code: 'tpm_size' }),
    );
    expect(() => decodeTpmtPublic(encoded.subarray(0, -1))).toThrow(
      expect.objectContaining({ code: 'tpm_insufficient' }),
    );
  });

  it.each([
    ['TPMS_ATTEST', decodeTpmsAttest],
    ['TPMT_SIGNATURE', decodeTpmtSignature],
    ['TPMT_PUBLIC', decodeTpmtPublic],
    ['TPM2B_PUBLIC', decodeTpm2bPublic],
    ['command', decodeCommand],
    ['response', (input: Buffer) => decodeResponse('Quote', input)],
  ] as const)('never throw anything but TpmError for a hostile %s', (_name, decode) => {
    const samples = [
      encodeTpmtPublic(AK_TEMPLATES['rsa2048-rsapss-sha256']),
      encodeTpm2bPublic(ENDORSEMENT_KEYS.p256.template),
    ];
    const hostile = fc.oneof(
      bytes(300),
      fc
        .tuple(fc.constantFrom(...samples), fc.nat(), fc.integer({ min: 0, max: 255 }))
        .map(([sample, at, value]) => {
          const copy = Buffer.from(sample);
          copy[at % copy.length] = value;
          return copy;
        }),
    );
    fc.assert(
      fc.property(hostile, (input) => {
        try {
          decode(input);
        } catch (error) {
          expect(error).toBeInstanceOf(TpmError);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('refuse a coordinate that is longer than those of its curve, be it by a zero', () => {
    const area = AK_TEMPLATES['p256-ecdsa-sha256'];
    const withX = (bytes: number) =>
      encodeTpmtPublic({
        ...area,
        unique: { x: Buffer.alloc(bytes), y: Buffer.alloc(32, 1) },
      });
    expect(decodeTpmtPublic(withX(32))).toMatchObject({ type: 'ECC' });
    expect(() => decodeTpmtPublic(withX(33))).toThrow(TpmError);
  });

  it('keep the magic number as found, for the verifier to judge', () => {
    fc.assert(
      fc.property(attest, (value) => {
        const encoded = encodeTpmsAttest({ ...value, magic: TPM_GENERATED_VALUE });
        expect(encoded.subarray(0, 4).toString('hex')).toBe('ff544347');
      }),
      { numRuns: 5 },
    );
  });
});

describe('frames', () => {
  const frame = fc
    .record({
      name: fc.constantFrom(...(Object.keys(TPM_CC) as CommandName[])),
      sessions: fc.array(
        fc.record({
          sessionHandle: u32,
          nonce: bytes(32),
          attributes: fc.integer({ min: 0, max: 255 }),
          hmac: bytes(32),
        }),
        { minLength: 1, maxLength: 3 },
      ),
      parameters: bytes(200),
      handles: fc.array(u32, { minLength: 2, maxLength: 2 }),
    })
    .map(({ name, sessions, parameters, handles }) => {
      const row: CommandRow = TPM_CC[name];
      return {
        name,
        handles: handles.slice(0, row.handles.length),
        sessions: row.noSessions === true ? [] : sessions,
        parameters,
      };
    });

  it('read back every command that they write', () => {
    fc.assert(
      fc.property(frame, (value) => {
        expect(decodeCommand(encodeCommand(value))).toEqual(value);
      }),
    );
  });

  it('read back a response with a handle and a session', () => {
    const response = {
      handle: 0x80000001,
      parameters: Buffer.from('parameters'),
      sessions: [{ nonce: Buffer.alloc(16, 1), attributes: 1, hmac: Buffer.alloc(32, 2) }],
    };
    expect(decodeResponse('CreatePrimary', encodeResponse(response))).toEqual({ rc: 0, ...response });
  });

  it('encode GetRandom(8) as the bytes that real TPMs take', () => {
    const parameters = Buffer.from([0, 8]);
    const encoded = encodeCommand({ name: 'GetRandom', handles: [], sessions: [], parameters });
    expect(encoded.toString('hex')).toBe('80010000000c0000017b0008');
  });
});

describe('response codes', () => {
  it('say which handle, session or parameter they speak of', () => {
    expect(decodeRc(parameterRc(TPM_RC.SIZE, 2))).toMatchObject({
      name: 'SIZE',
      subject: 'parameter',
      number: 2,
    });
    expect(decodeRc(handleRc(TPM_RC.HANDLE, 1))).toMatchObject({
      name: 'HANDLE',
      subject: 'handle',
      number: 1,
    });
    expect(decodeRc(sessionRc(TPM_RC.BAD_AUTH, 1))).toMatchObject({
      name: 'BAD_AUTH',
      subject: 'session',
      number: 1,
    });
    expect(decodeRc(0x902)).toMatchObject({ name: 'OBJECT_MEMORY', subject: undefined });
  });

  it('give errors a stable code and a text that says what to do', () => {
    const error = new TpmError(0x902, 'TPM2_Load');
    expect(error.code).toBe('tpm_object_memory');
    expect(error.message).toContain('TPM2_FlushContext');
  });
});

describe('the endorsement key policy', () => {
  it('is the published digest of PolicySecret(TPM_RH_ENDORSEMENT)', () => {
    expect(EK_POLICY_SHA256.toString('base64')).toBe('g3GXZ0SEs/gakMyNRqXXJP1S124GUgtk8qHaGzMUaao=');
  });
});

describe('PCR digests', () => {
  it('are unknown if a selected PCR is missing', () => {
    const values = new Map([['SHA256' as const, new Map([[0, Buffer.alloc(32)]])]]);
    expect(pcrDigest('SHA256', [{ hashAlg: 'SHA256', pcrs: [0, 1] }], values)).toBeUndefined();
  });
});
