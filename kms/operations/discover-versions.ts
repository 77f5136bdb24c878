import { protocolVersionOf, rankOf, spokenVersion } from '../../wire/kmip/index.js';
import type { OperationHandler } from './handler.js';

/** The versions that both sides speak, newest first. KMIP 1.4 §4.26. */
export const discoverVersions: OperationHandler<'DiscoverVersions'> = (payload, scope) => {
  const spoken = [...scope.config.protocolVersions].sort((left, right) => rankOf(right) - rankOf(left));
  const offered = payload.protocolVersions;
  if (!offered) return { protocolVersions: spoken.map(protocolVersionOf) };
  const common = offered.filter((version) =>
    spoken.some((name) => name === spokenVersion(version) && name === `${version.major}.${version.minor}`),
  );
  return { protocolVersions: common };
};
