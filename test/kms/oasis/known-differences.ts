/** Why the answers to a case differ from the recorded ones, and exactly how. */
export interface KnownDifference {
  /** The reason, with the section of the specification. */
  readonly why: string;
  /** All differences found, one a line. */
  readonly seen: RegExp;
}

/** The OASIS XML cases that are answered otherwise than was recorded, by name. */
export const KNOWN_DIFFERENCES: Readonly<Record<string, KnownDifference>> = {};
