/** The protocol versions that kpsim speaks, oldest first. */
export const PROTOCOL_VERSIONS = ['1.0', '1.1', '1.2', '1.3', '1.4', '2.0', '2.1'] as const;

/** One of {@link PROTOCOL_VERSIONS}. */
export type ProtocolVersionName = (typeof PROTOCOL_VERSIONS)[number];

/** The versions in which a tag, value, field or operation exists. */
export interface VersionRange {
  /** First version that has it. */
  readonly since: ProtocolVersionName;
  /** Last version that has it; absent if the newest still does. */
  readonly until?: ProtocolVersionName;
}

/** Position of a version in {@link PROTOCOL_VERSIONS}; ranks compare as the versions do. */
export function rankOf(version: ProtocolVersionName): number {
  return RANKS[version];
}

/** Whether something of that range exists in the version of this rank. */
export function existsIn(range: Partial<VersionRange>, rank: number): boolean {
  if (rank === ANY_VERSION_RANK) return true;
  return (
    (range.since === undefined || RANKS[range.since] <= rank) &&
    (range.until === undefined || rank <= RANKS[range.until])
  );
}

/** Rank under which every version's fields exist together: for values at rest, never for messages. */
export const ANY_VERSION_RANK = -1;

/** Rank of KMIP 2.0, where attributes became typed structures. */
export const RANK_2_0 = 5;

/** Rank of the newest version. */
export const NEWEST_RANK = PROTOCOL_VERSIONS.length - 1;

const RANKS = {
  '1.0': 0,
  '1.1': 1,
  '1.2': 2,
  '1.3': 3,
  '1.4': 4,
  '2.0': 5,
  '2.1': 6,
} as const satisfies Record<ProtocolVersionName, number>;
