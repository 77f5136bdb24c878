import { describe, expect, it } from 'vitest';
import { kdfA, kdfE, wrapCredential, ENDORSEMENT_KEYS } from '../../../wire/tpm2/index.js';
import type { HashAlgorithm } from '../../../wire/tpm2/index.js';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const zeroEnded = (text: string): Buffer => Buffer.from(`${text}\0`, 'latin1');

/** From the tests of go-tpm (legacy/tpm2/test/kdf_test.go), made with the reference code of the TCG. */
const KDFA_VECTORS: readonly {
  hashAlg: HashAlgorithm;
  key: Buffer;
  label: string;
  contextU: Buffer;
  contextV: Buffer;
  bits: number;
  expectedHex: string;
}[] = [
  {
    hashAlg: 'SHA256',
    key: zeroEnded('yolo'),
    label: 'IDENTITY',
    contextU: zeroEnded('kek'),
    contextV: zeroEnded('yoyo'),
    bits: 128,
    expectedHex: 'd2d72cc7a8a5eb09e8c79012e2da9f22',
  },
  {
    hashAlg: 'SHA1',
    key: zeroEnded('ca'),
    label: 'IDENTITY',
    contextU: zeroEnded('abc'),
    contextV: Buffer.alloc(0),
    bits: 256,
    expectedHex: '83f354afcf923de2112e0891434cd0bdc8acbf01b811c0e8cd062ded39e31f7f',
  },
  {
    hashAlg: 'SHA1',
    key: hex('271fa08bbdc5060ec3dfa928ff9b73123a12da0c'),
    label: 'KDFSELFTESTLABEL',
    contextU: hex('ce244f395dca7391'),
    contextV: hex('da504031ddf12e83'),
    bits: 521,
    expectedHex:
      '01714e865072c1e4c40b3670281112632fc9ecba25e66af68d18a2b62de9cbb44521da2bc9a496862eb3f306949f9efe8a9e1ccbce3b4d668ffd75c9394ba59458fe',
  },
];

/** From the same tests, taken from runs of the Microsoft TPM simulator; the label is DUPLICATE. */
const KDFE_VECTORS: readonly {
  name: string;
  hashAlg: HashAlgorithm;
  zHex: string;
  contextUHex: string;
  contextVHex: string;
  bits: number;
  expectedHex: string;
}[] = [
  {
    name: 'P-256 with SHA-256',
    hashAlg: 'SHA256',
    zHex: '69fd74d052a5cd9d6addf4ea791f4737eb297246dce604f6385c1392e0fb56b9',
    contextUHex: 'c29f8cff1ce054ed5945abd393ee2eed3f67437d9db07b932156c65d32921373',
    contextVHex: '107937dc44e5bb5094d3d30a55efac77b6db3253ba42dabc804446b93864e055',
    bits: 256,
    expectedHex: 'b15267e3f960f8f8f3b94ff3fc64119f6876974f984f82d50bd54abc7a6406e8',
  },
  {
    name: 'P-256 with SHA-1',
    hashAlg: 'SHA1',
    zHex: '821fd7932a44cf383373685b7192d46ce9c9c47a4b99761e8878bdbf25c8b868',
    contextUHex: '68d1237b42f4f82dde839fd277870a4f21c02e6b2d19e2f4251d7b6687e51d6a',
    contextVHex: 'fbf1c3a729cbd4e0bdcf8dbfc947f4bf9588b4029cbb3d658fd57eda36b141bd',
    bits: 160,
    expectedHex: '789b336d41198f3733d2be8f5cb35c98c42b519e',
  },
  {
    name: 'a length that is no multiple of eight bits',
    hashAlg: 'SHA256',
    zHex: '9ec0691d3c5d35fbb2dcf082b0bb4d1df07ee0c5bf27251fffa973ee339e5e62',
    contextUHex: '68d62d3449e0db8c1af57adba15343bc34f2a6e76a9750f476e61862db8f0bec',
    contextVHex: 'aab7cab361d8f31d0f6a98cc3c11bbe9983bf91fc4c53e90d5cb10eb74fd5c3a',
    bits: 100,
    expectedHex: '050054d3d778059120af6d0313',
  },
];

describe('KDFa', () => {
  it.each(KDFA_VECTORS)('gives the published $bits bits with $hashAlg and label $label', (vector) => {
    const { hashAlg, key, label, contextU, contextV, bits, expectedHex } = vector;
    expect(kdfA(hashAlg, key, { label, contextU, contextV, bits }).toString('hex')).toBe(expectedHex);
  });
});

describe('KDFe', () => {
  it.each(KDFE_VECTORS)('gives the published bits for $name', (vector) => {
    const { hashAlg, zHex, contextUHex, contextVHex, bits, expectedHex } = vector;
    const derived = kdfE(hashAlg, hex(zHex), {
      label: 'DUPLICATE',
      contextU: hex(contextUHex),
      contextV: hex(contextVHex),
      bits,
    });
    expect(derived.toString('hex')).toBe(expectedHex);
  });
});

describe('credential protection', () => {
  it('gives the identity object that go-tpm gives for a seed of zeros', () => {
    const wrapped = wrapCredential({
      ekPublic: ENDORSEMENT_KEYS.rsa2048.template,
      symmetric: { algorithm: 'AES', keyBits: 128, mode: 'CFB' },
      seed: Buffer.alloc(16),
      objectName: Buffer.concat([
        hex('000b'),
        Buffer.from('5snpf9qRfKD2Tb72eLAZqC/a/MyUhg+IvdwDZkTJK9w=', 'base64'),
      ]),
      secret: Buffer.from('AQIDBAUGBwgBAgMEBQYHCAECAwQFBgcIAQIDBAUGBwg=', 'base64'),
    });
    const expected = Buffer.from(
      'ACBYymQFKN1poMbvgqhxc7EGa+wamsLaawZqV6WWu+52+UvojeiHEj0Cwij2TDbrp7+wSG+P1SQP8YzK4/EZ0G47KQs=',
      'base64',
    );
    expect(wrapped).toEqual(expected);
  });
});
