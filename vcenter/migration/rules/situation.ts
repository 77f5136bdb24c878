import { compareVersions, isAtLeast } from '../../product-version.js';
import type {
  HostFacts,
  MigrateEncryption,
  MigrationFacts,
  PrivilegesOn,
  ProviderFacts,
  ProviderKind,
  ServiceAddress,
  SideFacts,
} from '../rule-facts.js';

/** The encrypted vMotion state that counts for this migration: the request's, else the VM's. */
export function effectiveMode({ request, vm }: MigrationFacts): MigrateEncryption {
  return request.migrateEncryption ?? vm.migrateEncryption;
}

/** Whether a host takes part in encrypted vMotion: it says so, and is ESXi 6.5 or later. */
export function supportsEncryptedVmotion({ host }: SideFacts): boolean {
  return host.supportsEncryptedVmotion && isAtLeast(host.version, '6.5');
}

/** Which host fails, in the fields of `MigrationFeatureNotSupported`. */
export function failedHost(
  facts: MigrationFacts,
  side: SideFacts,
): { atSourceHost: boolean; failedHostName: string; failedHost: SideFacts['host']['reference'] } {
  return {
    atSourceHost: side === facts.source,
    failedHostName: side.host.name,
    failedHost: side.host.reference,
  };
}

/** Whether both hosts take part in encrypted vMotion. */
export function bothHostsSupportEncryptedVmotion({ source, destination }: MigrationFacts): boolean {
  return supportsEncryptedVmotion(source) && supportsEncryptedVmotion(destination);
}

/** That a host is not attested, and why as far as it has told. */
export function notAttested({ name, attestationMessages }: HostFacts): string {
  return [`Host ${name} is not attested.`, ...attestationMessages].join(' ');
}

/** Whether any key of the VM comes from a provider of that kind. */
export function usesKind({ vm }: MigrationFacts, kind: ProviderKind): boolean {
  return vm.encrypted && vm.keyProviders.some((provider) => provider.kind === kind);
}

/** Names of the VM's key providers of one kind. */
export function providersOfKind({ vm }: MigrationFacts, kind: ProviderKind): readonly string[] {
  return vm.encrypted
    ? vm.keyProviders.filter((provider) => provider.kind === kind).map(({ name }) => name)
    : [];
}

/** What a side has configured under a provider's name. */
export function providerNamed(side: SideFacts, name: string): ProviderFacts | undefined {
  return side.providers.find((provider) => provider.name === name);
}

/** The first of `names` for which `find` has something to say. */
export function firstOf<T, R>(names: readonly T[], find: (name: T) => R | undefined): R | undefined {
  for (const name of names) {
    const found = find(name);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * Whether two lists name the same services: as many, and each of one with a partner in the other that has the
 * same address and port or the same trusted certificate (own choice: one key server may be reached under two names).
 */
export function sameServices(left: readonly ServiceAddress[], right: readonly ServiceAddress[]): boolean {
  if (left.length !== right.length) return false;
  return covers(left, right) && covers(right, left);
}

function covers(outer: readonly ServiceAddress[], inner: readonly ServiceAddress[]): boolean {
  return inner.every((service) => outer.some((other) => isSameService(service, other)));
}

function isSameService(left: ServiceAddress, right: ServiceAddress): boolean {
  if (left.host.toLowerCase() === right.host.toLowerCase() && left.port === right.port) return true;
  return left.thumbprintSha256 !== undefined && left.thumbprintSha256 === right.thumbprintSha256;
}

/** `host:port, host:port`, or `none`. */
export function listServices(services: readonly ServiceAddress[]): string {
  return services.length === 0 ? 'none' : services.map(({ host, port }) => `${host}:${port}`).join(', ');
}

/** A finding if the user lacks a privilege on an object, in the form of NoPermission. */
export function lacking(
  held: PrivilegesOn,
  privilegeId: string,
  where: string,
): { detail: string; fields: { object: PrivilegesOn['object']; privilegeId: string } } | undefined {
  if (held.privileges.includes(privilegeId)) return undefined;
  return {
    detail: `The user has no ${privilegeId} on ${held.object.value} (${where}).`,
    fields: { object: held.object, privilegeId },
  };
}

/** A finding if something is older than a floor. */
export function olderThan(
  what: string,
  version: string,
  floor: string,
): { readonly detail: string } | undefined {
  return compareVersions(version, floor) < 0
    ? { detail: `${what} is ${version}, older than ${floor}.` }
    : undefined;
}
