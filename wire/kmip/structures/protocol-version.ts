import type { ValueOf } from '../schema/codec.js';
import { integer } from '../schema/codec.js';
import { required, structure } from '../schema/structure.js';
import type { ProtocolVersionName } from '../versions.js';
import { PROTOCOL_VERSIONS } from '../versions.js';

/** KMIP 1.4 §6.1. */
export const protocolVersion = structure('Protocol Version', {
  major: required('ProtocolVersionMajor', integer),
  minor: required('ProtocolVersionMinor', integer),
});
/** A {@link protocolVersion}. */
export type ProtocolVersion = ValueOf<typeof protocolVersion>;

/** The structure of a version's name. */
export function protocolVersionOf(version: ProtocolVersionName): ProtocolVersion {
  return STRUCTURES[version];
}

const STRUCTURES = Object.fromEntries(
  PROTOCOL_VERSIONS.map((name) => [name, { major: Number(name[0]), minor: Number(name[2]) }]),
) as Readonly<Record<ProtocolVersionName, ProtocolVersion>>;
