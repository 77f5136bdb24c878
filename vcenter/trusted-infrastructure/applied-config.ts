import type { TrustedServiceSpec, TrustedServicesSpec } from '../../host-agent/client.js';
import { VapiError } from '../../core/http/index.js';
import type { LocalizableMessage } from '../../core/http/index.js';
import { httpsUrlOf, networkAddressOf } from '../../wire/attestation/index.js';
import type { ClusterEntity, HostEntity, TrustedService } from '../inventory/entities.js';
import { hostService } from '../inventory/topology.js';
import { refuseIfCancelled } from '../vapi/errors.js';
import type { Vcenter } from '../vcenter.js';
import { chainFingerprint } from './chains.js';
import type { AppliedHealth, ServiceKind } from './types.js';
import { KIND_TEXTS, message } from './types.js';

/** How one service's configuration on the hosts of a cluster compares with what is desired. */
export interface ServiceComparison {
  readonly address: string;
  /** Undefined if the service is not desired. */
  readonly desired: TrustedService | undefined;
  readonly health: AppliedHealth;
  /** Groups and authorities found on hosts that differ from what is desired. */
  readonly groups: readonly string[];
  readonly authorities: readonly string[];
  readonly details: readonly LocalizableMessage[];
}

/** What a host has; undefined if it does not answer. */
interface Found {
  readonly host: HostEntity;
  readonly applied: TrustedServicesSpec | undefined;
}

/** Compares what the hosts of a cluster have with what is desired, asking each of them now. */
export async function compareApplied(
  vcenter: Vcenter,
  cluster: ClusterEntity,
  kind: ServiceKind,
): Promise<readonly ServiceComparison[]> {
  const found = await Promise.all(
    vcenter.inventory.hostsOf(cluster.moid).map((host) => appliedOn(vcenter, host)),
  );
  const desired = cluster.trusted?.[kind] ?? [];
  const addresses = new Map<string, TrustedService | undefined>();
  for (const { applied } of found) {
    for (const { address } of applied?.[kind] ?? []) addresses.set(canonical(address), undefined);
  }
  for (const service of desired) addresses.set(canonical(service.address), service);
  return [...addresses].map(([address, service]) => compareService(kind, address, service, found));
}

/** Worst of several healths: what differs, then what is unknown. */
export function worstHealth(all: readonly AppliedHealth[]): AppliedHealth {
  if (all.includes('ERROR')) return 'ERROR';
  return all.includes('NONE') ? 'NONE' : 'OK';
}

/**
 * Makes the hosts of a cluster have what is desired, of some kinds of services; hosts that have it already are left
 * alone, as they would lose their reports.
 *
 * @throws VapiError `RESOURCE_INACCESSIBLE` if hosts do not answer, after the others are done; `CANCELED`
 */
export function remediate(
  vcenter: Vcenter,
  cluster: ClusterEntity,
  kinds: readonly ServiceKind[],
  signal: AbortSignal,
): Promise<void> {
  return applyToHosts(vcenter, cluster, kinds, signal, (kind) =>
    (cluster.trusted?.[kind] ?? []).map(hostService),
  );
}

/** Takes the services of some kinds from the hosts of a cluster; what is desired stays. @throws as {@link remediate} */
export function removeApplied(
  vcenter: Vcenter,
  cluster: ClusterEntity,
  kinds: readonly ServiceKind[],
  signal: AbortSignal,
): Promise<void> {
  return applyToHosts(vcenter, cluster, kinds, signal, () => []);
}

async function applyToHosts(
  vcenter: Vcenter,
  cluster: ClusterEntity,
  kinds: readonly ServiceKind[],
  signal: AbortSignal,
  wanted: (kind: ServiceKind) => readonly TrustedServiceSpec[],
): Promise<void> {
  const silent: string[] = [];
  for (const host of vcenter.inventory.hostsOf(cluster.moid)) {
    refuseIfCancelled(signal);
    const { applied } = await appliedOn(vcenter, host);
    if (!applied) {
      silent.push(host.name);
      continue;
    }
    const changed = kinds.filter((kind) => !sameServices(applied[kind], wanted(kind)));
    if (changed.length === 0) continue;
    const services = Object.fromEntries(changed.map((kind) => [kind, [...wanted(kind)]]));
    await vcenter.topology.setHostServices(host, { ...applied, ...services });
  }
  if (silent.length === 0) return;
  throw new VapiError(
    'RESOURCE_INACCESSIBLE',
    `These hosts do not answer: ${silent.join(', ')}. Connect them, then try again; the others are done.`,
  );
}

async function appliedOn({ hosts }: Vcenter, host: HostEntity): Promise<Found> {
  if (host.disconnected === true) return { host, applied: undefined };
  const applied = await hosts
    .client(host)
    .trustedServices()
    .catch(() => undefined);
  return { host, applied };
}

function compareService(
  kind: ServiceKind,
  address: string,
  desired: TrustedService | undefined,
  found: readonly Found[],
): ServiceComparison {
  const groups = new Set<string>();
  const authorities = new Map<string, string>();
  const details: LocalizableMessage[] = [];
  const text = `${KIND_TEXTS[kind]} ${address}`;
  let unknown = found.length === 0;
  for (const { host, applied } of found) {
    if (!applied) {
      unknown = true;
      details.push(
        message('hostUnknown', `Host ${host.name} does not answer; connect it to have it compared.`),
      );
      continue;
    }
    const has = applied[kind].filter((one) => canonical(one.address) === address);
    if (desired && has.length === 0) {
      details.push(differs(`Host ${host.name} lacks the ${text}.`));
    }
    for (const one of has) {
      if (!desired) details.push(differs(`Host ${host.name} has the ${text}, which is not desired.`));
      if (one.group !== desired?.group) {
        groups.add(one.group);
        if (desired) details.push(differs(`Host ${host.name} has the ${text} in group ${one.group}.`));
      }
      if (!desired || chainFingerprint(one.trusted_CA) !== chainFingerprint(desired.trusted_CA)) {
        authorities.set(chainFingerprint(one.trusted_CA), one.trusted_CA);
        if (desired) details.push(differs(`Host ${host.name} trusts other authorities for the ${text}.`));
      }
    }
  }
  const diverged = details.some(({ id }) => id.endsWith('.differs'));
  return {
    address,
    desired,
    health: diverged ? 'ERROR' : unknown ? 'NONE' : 'OK',
    groups: [...groups],
    authorities: [...authorities.values()],
    details,
  };
}

function differs(text: string): LocalizableMessage {
  return message('differs', `${text} Remediate the cluster with PATCH services-applied-config.`);
}

function sameServices(left: readonly TrustedServiceSpec[], right: readonly TrustedServiceSpec[]): boolean {
  const texts = (all: readonly TrustedServiceSpec[]): string =>
    all
      .map((one) => JSON.stringify([canonical(one.address), one.group, chainFingerprint(one.trusted_CA)]))
      .sort()
      .join('\n');
  return texts(left) === texts(right);
}

function canonical(address: string): string {
  return httpsUrlOf(networkAddressOf(address));
}
