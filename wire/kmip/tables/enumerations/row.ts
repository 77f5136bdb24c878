import type { VersionRange } from '../../versions.js';

/** One value of an enumeration, under the name that the XML encoding gives it. */
export interface EnumerationRow extends VersionRange {
  /** 32 bits; 0x8… are extensions. */
  readonly value: number;
}
