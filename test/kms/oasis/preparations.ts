import type { KmsConfigInput } from '../../../kms/config.js';
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
const ONE_TIME_PAD = Buffer.from('fc932e1428bd', 'hex');

/** What cases assume that no request of theirs says, by the beginning of their names. */
const PREPARATIONS: Readonly<Record<string, Preparation>> = {
  'TC-OTP-': {
    async before(kms) {
      const keyBlock = { keyFormatType: 'Opaque', keyValue: { keyMaterial: ONE_TIME_PAD } } as const;
      await kms.client().register(
        { objectType: 'SecretData', secretDataType: 'Password', keyBlock },
        {
          name: 'one-time-pad-1',
          attributes: [
            attributeOf('CryptographicAlgorithm', 'OneTimePad'),
            attributeOf('CryptographicUsageMask', cryptographicUsageMask('Encrypt', 'Decrypt')),
            attributeOf('ActivationDate', 0),
          ],
        },
      );
    },
  },
};

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
