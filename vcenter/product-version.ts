/** A vCenter's or ESXi's version in dotted form, for example `8.0.3`; Update n of 7.0 is `7.0.n`. */
export type ProductVersion = string;

/** How a version compares with another: negative if older, 0 if equal; missing parts count as 0. */
export function compareVersions(left: ProductVersion, right: ProductVersion): number {
  const a = partsOf(left);
  const b = partsOf(right);
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Whether `version` is `floor` or later. */
export function isAtLeast(version: ProductVersion, floor: ProductVersion): boolean {
  return compareVersions(version, floor) >= 0;
}

function partsOf(version: ProductVersion): number[] {
  return version.split('.').map((part) => Number.parseInt(part, 10) || 0);
}
