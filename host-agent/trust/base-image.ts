import { ESX_RELEASES, presetBaseImage } from '../../wire/esx-image/index.js';
import type { BaseImage, EsxRelease } from '../../wire/esx-image/index.js';
import { compareVersions } from '../config.js';
import type { HostAgentConfig } from '../config.js';

/** An image as a host keeps it: a release of `wire/esx-image`, and the build number of the patch. */
export interface InstalledImage {
  readonly release: EsxRelease;
  readonly build: string;
}

/** What a host is patched to; what is left out stays as it is, or is the release's own build. */
export interface Patch {
  readonly release?: EsxRelease | undefined;
  readonly build?: string | undefined;
}

/** The image that a host is installed with: of the newest release known that is not newer than it. Own choice. */
export function originalImage({
  version,
  build,
}: Pick<HostAgentConfig, 'version' | 'build'>): InstalledImage {
  const [oldest = '8.0.3', ...newer] = ESX_RELEASES;
  return { release: newer.filter((known) => compareVersions(known, version) <= 0).at(-1) ?? oldest, build };
}

/** The image after a patch. */
export function patched(installed: InstalledImage, { release, build }: Patch): InstalledImage {
  const chosen = release ?? installed.release;
  if (build !== undefined) return { release: chosen, build };
  return release === undefined ? installed : { release, build: buildOf(presetBaseImage(release)) };
}

/** What the boot loader finds of an installed image. */
export function baseImageOf({ release, build }: InstalledImage): BaseImage {
  const preset = presetBaseImage(release);
  return buildOf(preset) === build ? preset : presetBaseImage(release, build);
}

function buildOf({ version }: BaseImage): string {
  return version.slice(version.lastIndexOf('.') + 1);
}
