import type { KmsConfigInput } from '../../../kms/config.js';
import type { Attribute, KeyBlock } from '../../../wire/kmip/index.js';
import { attributeOf, cryptographicUsageMask } from '../../../wire/kmip/index.js';
import type { TestKms } from '../harness.js';

/** What a case assumes of the server before its first request. */
export interface Preparation {
  readonly config?: Partial<KmsConfigInput>;
  /** Requests that are made first. */
  before?(kms: TestKms): Promise<void>;
}

/** Cases that go on where the one of the number before them stopped, by the beginning of their names. */
const SERIES = ['SASED-M', 'TL-M', 'TC-CREG', 'TC-MDO'];

/** The pad that TC-OTP has combined its data with. */
const ONE_TIME_PAD: KeyBlock = {
  keyFormatType: 'Opaque',
  keyValue: { keyMaterial: Buffer.from('fc932e1428bd', 'hex') },
};

/** What cases assume that no request of theirs says, by the beginning of their names; the first row counts. */
const PREPARATIONS: Readonly<Record<string, Preparation>> = {
  'PKCS11-M-': {
    config: {
      vendorIdentification: 'TEST      Pty Ltd',
      serverInformation: { productName: 'TEST', serverVersion: '1.0' },
    },
  },
  // Servers that can be told what attestation is right, and those that cannot.
  'TC-Q-CAP-1-': { config: { asynchronous: { enabled: false } } },
  'TC-Q-CAP-2-': { config: { attestation: { accepted: ['00'] } } },
  'TC-Q-CAP-3-': { config: { attestation: { accepted: ['00'] } } },
  'TC-Q-CREG-': {
    config: {
      clientRegistrationMethods: [
        'ServerPreGenerated',
        'ServerOnDemand',
        'ClientGenerated',
        'ClientRegistered',
      ],
    },
  },
  'TC-Q-VAL-1-': {
    config: {
      validations: [
        {
          authorityType: 'NISTCMVP',
          authorityCountry: 'US',
          authorityUri: 'http://csrc.nist.gov/groups/STM/cmvp/',
          versionMajor: 2,
          type: 'Software',
          level: 1,
          certificateIdentifier: '1747',
          certificateUri: 'http://csrc.nist.gov/groups/STM/cmvp/documents/140-1/1401val2012.htm#1747',
        },
      ],
    },
  },
  'MSGENC-': { config: { https: { port: 0 } } },
  'TC-CREG-': { config: { credentials: [{ username: 'one-time-user', password: 'one-time-password' }] } },
  'CS-RNG-O-2-': { config: { rng: { seedBytes: 16 } } },
  'CS-RNG-O-3-': { config: { rng: { seed: 'ignore' } } },
  'CS-RNG-O-4-': { config: { rng: { seed: 'refuse' } } },
  'TC-OTP-3-': oneTimePad({ keyFormatType: 'Opaque' }),
  'TC-OTP-4-': {
    ...oneTimePad(ONE_TIME_PAD, [attributeOf('OperationPolicyName', 'without-get')]),
    config: { policies: { 'without-get': [{ operations: ['Get'], allow: [] }, { allow: ['owner'] }] } },
  },
  'TC-OTP-': oneTimePad(ONE_TIME_PAD),
};

/** A pad for client and server, with the attributes that it needs to be used. */
function oneTimePad(keyBlock: KeyBlock, attributes: readonly Attribute[] = []): Preparation {
  return {
    async before(kms) {
      await kms.client().register(
        { objectType: 'SecretData', secretDataType: 'Password', keyBlock },
        {
          name: 'one-time-pad-1',
          attributes: [
            attributeOf('CryptographicAlgorithm', 'OneTimePad'),
            attributeOf('CryptographicUsageMask', cryptographicUsageMask('Encrypt', 'Decrypt')),
            attributeOf('ActivationDate', 0),
            ...attributes,
          ],
        },
      );
    },
  };
}

/** What a case assumes. */
export function preparationOf(caseName: string): Preparation {
  const [, row = {}] = Object.entries(PREPARATIONS).find(([start]) => caseName.startsWith(start)) ?? [];
  return row;
}

/** Names of the cases that are run before a case on the same server, first to last. */
export function predecessorsOf(caseName: string): readonly string[] {
  const [, series, number, version] = /^(.*)-(\d+)-(\d+)$/.exec(caseName) ?? [];
  if (series === undefined || !SERIES.includes(series)) return [];
  return Array.from({ length: Number(number) - 1 }, (_, index) => `${series}-${index + 1}-${version}`);
}
