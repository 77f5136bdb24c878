import type { Codec } from '../schema/codec.js';
import type { TagName } from '../tables/tag-names.js';
import { tagValue } from '../tables/tag-names.js';
import type { TtlvItem } from '../ttlv/tree.js';
import { readItems, writeValue } from '../ttlv/tree.js';
import { RANK_2_0 } from '../versions.js';

/** What a server tells of itself. KMIP 2.1 §7.37; in KMIP 1.x all of it is the vendor's own (1.4 §4.25). */
export interface ServerInformation {
  readonly serverName?: string | undefined;
  readonly serverSerialNumber?: string | undefined;
  readonly serverVersion?: string | undefined;
  readonly serverLoad?: string | undefined;
  readonly productName?: string | undefined;
  readonly buildLevel?: string | undefined;
  readonly buildDate?: string | undefined;
  readonly clusterInfo?: string | undefined;
  readonly alternateFailoverEndpoints?: readonly string[] | undefined;
  readonly vendorSpecific?: readonly TtlvItem[] | undefined;
}

type SingleField = Exclude<keyof ServerInformation, 'alternateFailoverEndpoints' | 'vendorSpecific'>;

/** The fields that occur once, in their order. */
const FIELDS: Readonly<Record<SingleField, TagName>> = {
  serverName: 'ServerName',
  serverSerialNumber: 'ServerSerialNumber',
  serverVersion: 'ServerVersion',
  serverLoad: 'ServerLoad',
  productName: 'ProductName',
  buildLevel: 'BuildLevel',
  buildDate: 'BuildDate',
  clusterInfo: 'ClusterInfo',
};
const SINGLE_FIELDS = Object.entries(FIELDS) as [SingleField, TagName][];
const FIELD_OF_TAG = new Map(SINGLE_FIELDS.map(([field, name]) => [tagValue(name), field]));
const ENDPOINTS = tagValue('AlternateFailoverEndpoints');

/** Server Information. Read leniently, as vendors put into it what they like. */
export const serverInformation: Codec<ServerInformation> = {
  read(reader) {
    const single: Partial<Record<SingleField, string>> = {};
    const alternateFailoverEndpoints: string[] = [];
    const vendorSpecific: TtlvItem[] = [];
    for (const item of readItems(reader)) {
      const field = FIELD_OF_TAG.get(item.tag);
      if (item.type === 'TextString' && field) single[field] = item.value;
      else if (item.type === 'TextString' && item.tag === ENDPOINTS)
        alternateFailoverEndpoints.push(item.value);
      else vendorSpecific.push(item);
    }
    return {
      ...single,
      ...(alternateFailoverEndpoints.length > 0 && { alternateFailoverEndpoints }),
      ...(vendorSpecific.length > 0 && { vendorSpecific }),
    };
  },
  write(writer, tag, value) {
    const start = writer.open(tag);
    if (writer.rank >= RANK_2_0) {
      for (const [field, name] of SINGLE_FIELDS) {
        const text = value[field];
        if (text !== undefined) writer.textString(tagValue(name), text);
      }
      for (const endpoint of value.alternateFailoverEndpoints ?? []) writer.textString(ENDPOINTS, endpoint);
    }
    for (const item of value.vendorSpecific ?? []) writeValue(writer, item.tag, item);
    writer.close(start);
  },
};
