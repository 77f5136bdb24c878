import type { KmsConfigInput } from '../../../kms/config.js';
import type { TestKms } from '../harness.js';

/** What a case assumes of the server before its first request. */
export interface Preparation {
  readonly config?: Partial<KmsConfigInput>;
  /** Requests that are made first. */
  before?(kms: TestKms): Promise<void>;
}

/** What the cases assume that their files do not say, by the beginning of their names; the longest counts. */
const PREPARATIONS: Readonly<Record<string, Preparation>> = {};

/** What a case assumes. */
export function preparationOf(caseName: string): Preparation {
  const [prefix] = Object.keys(PREPARATIONS)
    .filter((start) => caseName.startsWith(start))
    .sort((left, right) => right.length - left.length);
  return (prefix === undefined ? undefined : PREPARATIONS[prefix]) ?? {};
}
