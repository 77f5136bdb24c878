import type * as z from 'zod';

import { nearestWord } from '../../core/config/index.js';
import { EVIDENCE_FAULTS, capabilitiesOf } from '../../host-agent/index.js';
import type { HostSpec, ProviderSpec, Topology, VcenterSpec } from './schema.js';

/** Roles that every vCenter has (vSphere AuthorizationManager). */
export const SYSTEM_ROLES = ['Admin', 'ReadOnly', 'NoAccess', 'NoCryptoAdmin', 'NoTrustedAdmin'] as const;

/** Directories of a data directory that belong to no service. */
const RESERVED_NAMES = ['lab', 'pki'] as const;

type Path = (string | number)[];
type Context = z.core.$RefinementCtx<Topology>;

/** A host name or address with a port. */
export interface HostAddress {
  readonly host: string;
  readonly port: number;
}

/** A host with its place in the topology; `cluster` is absent for a standalone one. */
export interface PlacedHost {
  readonly spec: HostSpec;
  readonly vcenter: VcenterSpec;
  readonly cluster?: VcenterSpec['clusters'][number];
  readonly path: readonly (string | number)[];
}

/** All hosts of a topology, clustered and standalone. */
export function hostsOf(topology: Topology): readonly PlacedHost[] {
  return topology.vcenters.flatMap((vcenter, v) => [
    ...vcenter.clusters.flatMap((cluster, c) =>
      cluster.hosts.map((spec, h) => ({
        spec,
        vcenter,
        cluster,
        path: ['vcenters', v, 'clusters', c, 'hosts', h],
      })),
    ),
    ...vcenter.hosts.map((spec, h) => ({ spec, vcenter, path: ['vcenters', v, 'hosts', h] })),
  ]);
}

/** Names of the vCenters in which a provider is configured. */
export function vcentersOf(provider: ProviderSpec): readonly string[] {
  return provider.kind === 'native' ? [provider.madeIn, ...provider.importedBy] : provider.vcenters;
}

/** Checks what the names of a topology refer to; every finding says where, and which names there are. */
export function checkReferences(topology: Topology, context: Context): void {
  for (const check of [checkServiceNames, checkPorts, checkVcenters, checkProviders, checkVms]) {
    check(topology, context);
  }
}

/** Services share one space of names: they are certificate subjects. */
function checkServiceNames(topology: Topology, context: Context): void {
  const named: { readonly name: string; readonly path: Path }[] = [
    ...rowsOf(topology.keyServers, 'keyServers'),
    ...rowsOf(topology.trustAuthorities, 'trustAuthorities'),
    ...rowsOf(topology.vcenters, 'vcenters'),
    ...hostsOf(topology).map(({ spec, path }) => ({ name: spec.name, path: [...path] })),
  ];
  checkUnique(named, 'a service', context, RESERVED_NAMES);
}

function checkPorts(topology: Topology, context: Context): void {
  const ports: { readonly name: string; readonly path: Path; readonly key: string }[] = [];
  const add = (row: Readonly<Record<string, unknown>>, path: readonly (string | number)[]): void => {
    for (const key of ['port', 'vmotionPort', 'attestationPort', 'keyProviderPort']) {
      const value = row[key];
      if (typeof value === 'number' && value !== 0) ports.push({ name: String(value), path: [...path], key });
    }
  };
  topology.keyServers.forEach((row, index) => add(row, ['keyServers', index]));
  topology.trustAuthorities.forEach((row, index) => add(row, ['trustAuthorities', index]));
  topology.vcenters.forEach((row, index) => add(row, ['vcenters', index]));
  for (const { spec, path } of hostsOf(topology)) add(spec, path);
  const seen = new Set<string>();
  for (const { name, path, key } of ports) {
    if (seen.has(name))
      complain(context, [...path, key], `port ${name} is taken already`, 'another port, or 0');
    seen.add(name);
  }
}

function checkVcenters(topology: Topology, context: Context): void {
  const authorities = namesOf(topology.trustAuthorities);
  topology.vcenters.forEach((vcenter, v) => {
    const path: Path = ['vcenters', v];
    const rowsAt = (rows: readonly { readonly name: string }[], key: string): ReturnType<typeof rowsOf> =>
      rowsOf(rows, ...path, key);
    checkUnique(rowsAt(vcenter.clusters, 'clusters'), 'a cluster', context);
    checkUnique(rowsAt(vcenter.users, 'users'), 'a user', context);
    checkUnique(rowsAt(vcenter.roles, 'roles'), 'a role', context, SYSTEM_ROLES);
    vcenter.clusters.forEach((cluster, c) => {
      const at = [...path, 'clusters', c];
      const { trustAuthority, trustAuthorityServices } = cluster;
      trustAuthorityServices.forEach((name, index) =>
        checkKnown(name, authorities, [...at, 'trustAuthorityServices', index], context),
      );
      if (trustAuthority !== undefined && trustAuthorityServices.length > 0) {
        const message = 'is for trusted clusters; a cluster is not a Trust Authority cluster as well';
        context.addIssue({ code: 'custom', path: [...at, 'trustAuthority'], message });
      }
      checkAuthorities(cluster, authorities, at, context);
    });
    const roles = [...SYSTEM_ROLES, ...namesOf(vcenter.roles)];
    vcenter.users.forEach(({ role }, u) => checkKnown(role, roles, [...path, 'users', u, 'role'], context));
  });
  for (const { spec, path } of hostsOf(topology)) {
    checkUnique(rowsOf(spec.datastores, ...path, 'datastores'), 'a datastore', context);
    spec.attestationFaults.forEach((name, index) =>
      checkKnown(name, namesOf(EVIDENCE_FAULTS), [...path, 'attestationFaults', index], context),
    );
  }
}

/** The Trust Authorities that a trusted cluster or provider names, in the order in which they are asked. */
export function authoritiesOf({
  trustAuthority = [],
}: {
  readonly trustAuthority?: string | readonly string[] | undefined;
}): readonly string[] {
  return typeof trustAuthority === 'string' ? [trustAuthority] : trustAuthority;
}

function checkAuthorities(
  row: Parameters<typeof authoritiesOf>[0],
  known: readonly string[],
  path: Path,
  context: Context,
): void {
  const at = [...path, 'trustAuthority'];
  authoritiesOf(row).forEach((name, index) =>
    checkKnown(name, known, typeof row.trustAuthority === 'string' ? at : [...at, index], context),
  );
}

function checkProviders(topology: Topology, context: Context): void {
  const known = {
    keyServers: namesOf(topology.keyServers),
    vcenters: namesOf(topology.vcenters),
    trustAuthorities: namesOf(topology.trustAuthorities),
  };
  const taken = new Set<string>();
  topology.providers.forEach((provider, index) => {
    const path: Path = ['providers', index];
    const check = (names: readonly string[], kind: keyof typeof known, key: string): void =>
      names.forEach((name, at) => checkKnown(name, known[kind], [...path, key, at], context));
    if (provider.kind === 'native') {
      checkKnown(provider.madeIn, known.vcenters, [...path, 'madeIn'], context);
      check(provider.importedBy, 'vcenters', 'importedBy');
    } else {
      check(provider.vcenters, 'vcenters', 'vcenters');
      check(provider.keyServers, 'keyServers', 'keyServers');
    }
    if (provider.kind === 'trusted') {
      checkAuthorities(provider, known.trustAuthorities, path, context);
    }
    for (const vcenter of vcentersOf(provider)) {
      const key = `${vcenter}/${provider.name}`;
      if (taken.has(key)) {
        complain(
          context,
          [...path, 'name'],
          `${vcenter} has a provider of that name already`,
          'another name',
        );
      }
      taken.add(key);
    }
  });
}

function checkVms(topology: Topology, context: Context): void {
  const hosts = hostsOf(topology);
  const hostNames = hosts.map(({ spec }) => spec.name);
  checkUnique(rowsOf(topology.vms, 'vms'), 'a VM', context);
  const vcenters = namesOf(topology.vcenters);
  const misplaced = namesOf(
    topology.providers.filter((row) => vcentersOf(row).some((name) => !vcenters.includes(name))),
  );
  topology.vms.forEach((vm, index) => {
    const path: Path = ['vms', index];
    checkKnown(vm.host, hostNames, [...path, 'host'], context);
    if (vm.directory !== undefined && vm.image !== undefined) {
      complain(
        context,
        [...path, 'image'],
        'a VM is made from a directory or from an image',
        'one of the two',
      );
    }
    const placed = hosts.find(({ spec }) => spec.name === vm.host);
    if (!placed) {
      if (vm.provider !== undefined) {
        checkKnown(vm.provider, namesOf(topology.providers), [...path, 'provider'], context);
      }
      return;
    }
    checkKnown(vm.datastore, namesOf(placed.spec.datastores), [...path, 'datastore'], context);
    // A provider that names a vCenter which is not there is complained about already; it may be meant for this one.
    if (vm.provider === undefined || misplaced.includes(vm.provider)) return;
    const providers = topology.providers.filter((row) => vcentersOf(row).includes(placed.vcenter.name));
    checkKnown(vm.provider, namesOf(providers), [...path, 'provider'], context);
    const provider = providers.find(({ name }) => name === vm.provider);
    const obstacle = provider && obstacleTo(provider, placed);
    if (obstacle === undefined) return;
    complain(
      context,
      [...path, 'provider'],
      `${vm.host} cannot use ${provider?.name ?? ''}: ${obstacle}`,
      'another host or provider',
    );
  });
}

/** Why a VM on a host cannot be encrypted with a provider, as far as the topology itself tells. */
function obstacleTo(provider: ProviderSpec, { spec, cluster }: PlacedHost): string | undefined {
  const able = capabilitiesOf(spec.version);
  if (!able.encryption) return `ESXi ${spec.version} does not encrypt virtual machines`;
  if (provider.kind === 'native' && !able.nativeKeyProvider) {
    return `ESXi ${spec.version} knows no native key providers`;
  }
  if (provider.kind === 'native' && !cluster) return 'a native key provider needs a host in a cluster';
  if (provider.kind === 'native' && provider.tpmRequired && !spec.tpm)
    return 'it needs a TPM, and the host has none';
  if (provider.kind !== 'trusted') return undefined;
  const attestsTo = authoritiesOf(cluster ?? {});
  if (!authoritiesOf(provider).some((name) => attestsTo.includes(name))) {
    return `its cluster does not attest to ${authoritiesOf(provider).join(' or ')}`;
  }
  if (!spec.tpm) return 'it has no TPM, so it cannot be attested';
  if (!spec.secureBoot || spec.attestationFaults.length > 0) {
    return 'its attestation is to fail (secureBoot, attestationFaults), so it gets no key';
  }
  return undefined;
}

function rowsOf(
  rows: readonly { readonly name: string }[],
  ...path: readonly (string | number)[]
): { readonly name: string; readonly path: Path }[] {
  return rows.map(({ name }, index) => ({ name, path: [...path, index] }));
}

function namesOf(rows: readonly { readonly name: string }[]): readonly string[] {
  return rows.map(({ name }) => name);
}

function checkUnique(
  rows: readonly { readonly name: string; readonly path: Path }[],
  what: string,
  context: Context,
  taken: readonly string[] = [],
): void {
  const seen = new Set(taken);
  for (const { name, path } of rows) {
    if (seen.has(name)) {
      complain(
        context,
        [...path, 'name'],
        `there is ${what} named ${JSON.stringify(name)} already`,
        'another name',
      );
    }
    seen.add(name);
  }
}

function checkKnown(name: string, known: readonly string[], path: Path, context: Context): void {
  if (known.includes(name)) return;
  const meant = nearestWord(name, known);
  const hint = meant === undefined ? '' : `, did you mean ${JSON.stringify(meant)}?`;
  // A good guess among many names is worth more than all of them.
  const [most, first] = meant === undefined ? [MOST_SHOWN, known] : [MOST_BESIDE_GUESS, [meant, ...known]];
  const allowed =
    known.length === 0 ? 'nothing, for there is none in this topology' : shown(known, first, most);
  complain(context, path, `there is no ${JSON.stringify(name)} here${hint}`, allowed);
}

/** How many names a message says, without a guess at what was meant and with one. */
const MOST_SHOWN = 64;
const MOST_BESIDE_GUESS = 8;

/** Names in a message; where there are many, some, the likeliest first. */
function shown(all: readonly string[], likeliest: readonly string[], most: number): string {
  const names = [...new Set(all)];
  if (names.length <= most) return names.join(', ');
  const said = [...new Set(likeliest)].slice(0, most);
  return `${said.join(', ')} and ${names.length - said.length} more`;
}

function complain(context: Context, path: Path, message: string, allowed: string): void {
  context.addIssue({ code: 'custom', path, message, params: { allowed } });
}
