import { describe, expect, it } from 'vitest';
import { DEFAULT_SECURE_BOOT, measuredBoot } from '../../../host-agent/boot/index.js';
import { presetBaseImage } from '../../../wire/esx-image/index.js';
import {
  EVENT_TYPES,
  PCR_COUNT,
  decodeTaggedEvent,
  decodeUefiVariable,
  decodeVersionRecord,
  esxiTagOf,
  eventTypeOf,
  moduleNameOf,
  parseEventLog,
  replayEventLog,
  startupLocalityOf,
} from '../../../wire/tpm2/index.js';
import type { TcgEvent } from '../../../wire/tpm2/index.js';
import { startedTpm } from '../tpm/tpm-fixture.js';

const ALL_PCRS = Array.from({ length: PCR_COUNT }, (_, pcr) => pcr);
const image = presetBaseImage('8.0.3');

function eventsOf(log: { events: readonly TcgEvent[] }, pcr: number): TcgEvent[] {
  return log.events.filter((event) => event.pcr === pcr);
}

describe('measured boot', () => {
  it.each(['SHA1', 'SHA256', 'SHA384', 'SHA512'] as const)(
    'writes a log that replays to the %s PCRs',
    async (bank) => {
      const { client } = await startedTpm({ banks: ['SHA1', 'SHA256', 'SHA384', 'SHA512'] });
      const { eventLog } = await measuredBoot({ tpm: client, image, assetTag: 'rack 7' });
      const values = await client.pcrRead([{ hashAlg: bank, pcrs: ALL_PCRS }]);
      expect(values.get(bank)).toEqual(replayEventLog(parseEventLog(eventLog), bank));
    },
  );

  it('measures every module of the image with its digest and says its name', async () => {
    const { client } = await startedTpm();
    const { log } = await measuredBoot({ tpm: client, image });
    const modules = [11, 12, 13].flatMap((pcr) =>
      eventsOf(log, pcr).flatMap((event) => {
        const { id, payload } = decodeTaggedEvent(event.data);
        if (esxiTagOf(id) !== 'MOD') return [];
        return [
          { pcr, name: moduleNameOf(payload), sha256Hex: event.digests.get('SHA256')!.toString('hex') },
        ];
      }),
    );
    const expected = image.modules.map(({ pcr, name, sha256Hex }) => ({ pcr, name, sha256Hex }));
    expect(modules).toHaveLength(expected.length);
    expect(new Set(modules.map((module) => JSON.stringify(module)))).toEqual(
      new Set(expected.map((module) => JSON.stringify(module))),
    );
    expect(eventsOf(log, 12).map(({ data }) => moduleNameOf(decodeTaggedEvent(data).payload))).toEqual([
      'b.b00',
      'k.b00',
      'sb.v00',
      's.v00',
    ]);
  });

  it('measures the Secure Boot variables in order, a separator, then the authority', async () => {
    const { client } = await startedTpm();
    const { log } = await measuredBoot({ tpm: client, image });
    const shape = eventsOf(log, 7).map(({ eventType, data }) => {
      const type = eventTypeOf(eventType);
      return type === 'EV_SEPARATOR' ? type : `${type ?? ''} ${decodeUefiVariable(data).name}`;
    });
    expect(shape).toEqual([
      'EV_EFI_VARIABLE_DRIVER_CONFIG SecureBoot',
      'EV_EFI_VARIABLE_DRIVER_CONFIG PK',
      'EV_EFI_VARIABLE_DRIVER_CONFIG KEK',
      'EV_EFI_VARIABLE_DRIVER_CONFIG db',
      'EV_EFI_VARIABLE_DRIVER_CONFIG dbx',
      'EV_SEPARATOR',
      'EV_EFI_VARIABLE_AUTHORITY db',
    ]);
  });

  it('says in the log that Secure Boot is off, and names no authority then', async () => {
    const { client } = await startedTpm();
    const { log } = await measuredBoot({
      tpm: client,
      image,
      secureBoot: { ...DEFAULT_SECURE_BOOT, enabled: false },
    });
    const [first, ...rest] = eventsOf(log, 7);
    expect(decodeUefiVariable(first!.data)).toMatchObject({ name: 'SecureBoot', data: Buffer.from([0]) });
    expect(rest.some(({ eventType }) => eventType === EVENT_TYPES.EV_EFI_VARIABLE_AUTHORITY.value)).toBe(
      false,
    );
  });

  it('measures version records that can be read back', async () => {
    const { client } = await startedTpm();
    const { log } = await measuredBoot({ tpm: client, image });
    const records = eventsOf(log, 13)
      .map(({ data }) => decodeTaggedEvent(data))
      .filter(({ id }) => esxiTagOf(id) === 'VERSION')
      .map(({ payload }) => decodeVersionRecord(payload));
    expect(records).toEqual(image.versionRecords);
  });

  it('replays from the locality at which the TPM was started', async () => {
    const { client } = await startedTpm({ locality: 3 });
    const { eventLog } = await measuredBoot({ tpm: client, image, startupLocality: 3 });
    const log = parseEventLog(eventLog);
    expect(startupLocalityOf(log)).toBe(3);
    const values = await client.pcrRead([{ hashAlg: 'SHA256', pcrs: [0] }]);
    expect(values.get('SHA256')!.get(0)).toEqual(replayEventLog(log, 'SHA256').get(0));
  });

  it('gives two hosts of one image the same PCRs for it, and another image others', async () => {
    const pcrsOf = async (of: typeof image): Promise<Map<number, Buffer> | undefined> => {
      const { client } = await startedTpm();
      await measuredBoot({ tpm: client, image: of });
      return (await client.pcrRead([{ hashAlg: 'SHA256', pcrs: [11, 12, 13] }])).get('SHA256');
    };
    const [one, two, other] = [
      await pcrsOf(image),
      await pcrsOf(image),
      await pcrsOf(presetBaseImage('8.0.3', '1')),
    ];
    expect(two).toEqual(one);
    expect(other).not.toEqual(one);
  });
});
