import type { NameIn, ProtocolVersionName } from '../wire/kmip/index.js';
import { RANK_2_0, rankOf } from '../wire/kmip/index.js';

type ProfileName = NameIn<'ProfileName'>;

/** A conformance profile of servers under its names, and the test cases of OASIS that hold it. */
interface ProfileRow {
  /** As KMIP 1.4 names it. */
  readonly v1?: ProfileName;
  /** As KMIP 2.x names it. */
  readonly v2?: ProfileName;
  /** How the names of its mandatory test cases begin. */
  readonly cases: string;
}

/**
 * The profiles that this server conforms to (KMIP Profiles 1.4 and 2.1): those whose mandatory test cases pass, which
 * test/kms/oasis/profiles.test.ts sees to.
 */
export const PROFILES: readonly ProfileRow[] = [
  { v2: 'BaselineServer', cases: 'BL-M-' },
  { v1: 'TapeLibraryServerKMIPV1_4', v2: 'TapeLibraryServer', cases: 'TL-M-' },
  { v1: 'SymmetricKeyLifecycleServerKMIPV1_4', v2: 'SymmetricKeyLifecycleServer', cases: 'SKLC-M-' },
  { v1: 'AsymmetricKeyLifecycleServerKMIPV1_4', v2: 'AsymmetricKeyLifecycleServer', cases: 'AKLC-M-' },
  { v1: 'BasicCryptographicServerKMIPV1_4', v2: 'BasicCryptographicServer', cases: 'CS-BC-M-' },
  { v1: 'AdvancedCryptographicServerKMIPV1_4', v2: 'AdvancedCryptographicServer', cases: 'CS-AC-M-' },
  { v1: 'RNGCryptographicServerKMIPV1_4', v2: 'RNGCryptographicServer', cases: 'CS-RNG-M-' },
  { v1: 'SymmetricKeyFoundryServerKMIPV1_4', v2: 'SymmetricKeyFoundryServer', cases: 'SKFF-M-' },
  { v1: 'OpaqueManagedObjectStoreServerKMIPV1_4', v2: 'OpaqueManagedObjectStoreServer', cases: 'OMOS-M-' },
  {
    v1: 'StorageArrayWithSelfEncryptingDriveServerKMIPV1_4',
    v2: 'StorageArrayWithSelfEncryptingDriveServer',
    cases: 'SASED-M-',
  },
  { v2: 'AESXTSServer', cases: 'AX-M-' },
  { v2: 'QuantumSafeServer', cases: 'QS-M-' },
];

/** Version of the KMIP Profiles that the names of KMIP 2.x are of. */
const PROFILE_VERSION = { major: 2, minor: 1 };

/** The profiles that Query tells of in a version (KMIP 1.4 §2.1.19): those with a name in it. */
export function profilesIn(
  spoken: ProtocolVersionName,
): readonly { readonly profileName: ProfileName; readonly profileVersion?: typeof PROFILE_VERSION }[] {
  if (rankOf(spoken) >= RANK_2_0) {
    return PROFILES.flatMap(({ v2 }) => (v2 ? [{ profileName: v2, profileVersion: PROFILE_VERSION }] : []));
  }
  return spoken === '1.4' ? PROFILES.flatMap(({ v1 }) => (v1 ? [{ profileName: v1 }] : [])) : [];
}
