import { createHash } from 'node:crypto';

import { equalSecrets } from '../../core/secret.js';
import type { ReceiveReady } from '../../host-agent/client.js';
import type { ManagedObjectReference } from '../../wire/vim25/index.js';
import { VimFault } from '../../wire/vim25/index.js';
import type { Principal } from '../access/authorization.js';
import { hostFault } from '../hosts/hosts.js';
import { referenceOf, referenceTo } from '../inventory/entities.js';
import type { Vcenter } from '../vcenter.js';
import { choosePlacement } from '../virtual-machines/placement.js';
import type { MigrationDestination, MigrationOrder, Outcome, Survey, SurveyRequest } from './destination.js';
import { hostFacts } from './host-facts.js';
import type { DestinationRecord } from './records.js';
import type { PrivilegesOn } from './rule-facts.js';

/** Migrations that may be prepared and not ended at one time. */
const PREPARED_LIMIT = 200;

/** This vCenter as the destination of a migration; also what its peer interface stands on. */
export class LocalDestination implements MigrationDestination {
  readonly acrossVcenters: boolean;
  readonly #vcenter: Vcenter;
  readonly #principal: Principal | undefined;

  /**
   * @param principal who acts here; undefined for what needs no privilege: to commit, to abort
   * @param acrossVcenters whether the source is another vCenter
   */
  constructor(vcenter: Vcenter, principal: Principal | undefined, acrossVcenters: boolean) {
    this.#vcenter = vcenter;
    this.#principal = principal;
    this.acrossVcenters = acrossVcenters;
  }

  async survey(request: SurveyRequest): Promise<Survey> {
    const { inventory, hosts, providers, config, authorization } = this.#vcenter;
    await hosts.refreshAll();
    const current = request.current && {
      host: inventory.require('HostSystem', request.current.host),
      datastore: request.current.datastore,
    };
    const { host, datastore } = choosePlacement(this.#vcenter, request.target, current);
    // A survey tells much of the host; of the one that the VM is on, it knows already.
    if (this.#principal && host.moid !== current?.host.moid) {
      authorization.demand(this.#principal, referenceOf(host), 'System.Read');
    }
    await this.#renewAttestation(host.moid, request);
    await hosts.refresh(host); // rules are judged by how the host is now
    const folder = this.#folderFor(request, host.moid);
    const clash = inventory.childNamed(folder, request.vm.name);
    if (clash?.type === 'VirtualMachine' && (request.operation === 'clone' || clash.uuid !== request.vm.id)) {
      throw new VimFault('DuplicateName', `There is a VM ${request.vm.name} in that folder already.`, {
        fields: { name: request.vm.name, object: referenceOf(clash) },
      });
    }
    const known = await providers.list();
    return {
      place: { host: host.moid, hostUuid: host.uuid, datastore, folder },
      side: {
        vcenter: { name: config.name, version: config.version },
        host: hostFacts(inventory, host, hosts.requireConnected(host)),
        providers: await Promise.all(known.map((provider) => provider.facts())),
      },
      folderPrivileges: this.#privilegesOn(referenceTo('Folder', folder)),
      hostPrivileges: this.#privilegesOn(referenceOf(host)),
    };
  }

  async prepare(order: MigrationOrder): Promise<ReceiveReady> {
    const { inventory, hosts, supply, migrations, context } = this.#vcenter;
    const { spec, place, vm } = order;
    const host = inventory.require('HostSystem', place.host);
    hosts.requireConnected(host);
    await this.#checkPrivileges(order);
    const open = migrations.records.destinations().filter(({ phase }) => phase === 'prepared');
    if (open.length >= PREPARED_LIMIT || migrations.records.destination(spec.migrationId)) {
      throw new VimFault('ResourceInUse', 'Too many migrations at once, or one of this id; try again later.');
    }
    const record: DestinationRecord = {
      role: 'destination',
      migrationId: spec.migrationId,
      phase: 'prepared',
      operation: spec.kind,
      vmId: spec.target?.id ?? vm.id,
      host: host.moid,
      folder: place.folder,
      storagePolicy: order.storagePolicy,
      diskStoragePolicies: order.diskStoragePolicies,
      tokenDigest: digest(order.token),
      preparedAt: context.clock.now(),
    };
    migrations.records.put(record);
    hosts.vms.moving(record.vmId);
    try {
      if (order.encrypted) await supply.makeSafe(host, vm.keyId?.providerId?.id);
      return await supply.withKeys(host, () => hosts.client(host).prepareReceive(spec, vm));
    } catch (error) {
      await this.abort(spec.migrationId).catch(() => undefined); // what stays is ended by the reconciliation
      throw hostFault(host, error);
    }
  }

  async commit(migrationId: string): Promise<ManagedObjectReference> {
    const { inventory, hosts, migrations } = this.#vcenter;
    const record = this.#require(migrationId);
    if (record.phase === 'committed') return referenceTo('VirtualMachine', record.vm ?? '');
    if (record.phase === 'aborted') {
      throw new VimFault('InvalidState', 'This migration was aborted at its destination.');
    }
    const host = inventory.require('HostSystem', record.host);
    try {
      const info = await hosts.client(host).commitReceive(migrationId);
      const vm = hosts.vms.put(host, info, { folder: record.folder, name: info.name });
      inventory.put({
        ...vm,
        ...(record.storagePolicy !== undefined && { storagePolicy: record.storagePolicy }),
        diskStoragePolicies: record.diskStoragePolicies,
      });
      migrations.records.put({ ...record, phase: 'committed', vm: vm.moid });
      hosts.vms.settled(record.vmId);
      return referenceOf(vm);
    } catch (error) {
      throw hostFault(host, error);
    }
  }

  async abort(migrationId: string): Promise<Outcome> {
    const { inventory, hosts, migrations } = this.#vcenter;
    const record = migrations.records.destination(migrationId);
    if (!record || record.phase === 'aborted') return 'aborted';
    if (record.phase === 'committed') return 'committed';
    const host = inventory.get(record.host);
    if (host?.type === 'HostSystem') {
      const client = hosts.client(host);
      const { destination } = await client.migrationState(migrationId);
      if (destination === 'committed') {
        await this.commit(migrationId);
        return 'committed';
      }
      if (destination !== undefined) await client.abort(migrationId);
    }
    migrations.records.put({ ...record, phase: 'aborted' });
    hosts.vms.settled(record.vmId);
    return 'aborted';
  }

  /** Whether a token is that of a migration. */
  knowsToken(migrationId: string, token: string): boolean {
    const record = this.#vcenter.migrations.records.destination(migrationId);
    return record !== undefined && equalSecrets(record.tokenDigest, digest(token));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** A report that has run out says nothing of the host; a trusted VM needs a fresh one. */
  async #renewAttestation(moid: string, { vm }: SurveyRequest): Promise<void> {
    const { inventory, hosts, providers } = this.#vcenter;
    const kinds = await Promise.all(
      vm.keyIds.map(async (id) => (await providers.find(id.providerId?.id ?? ''))?.kind),
    );
    if (!kinds.includes('trusted') || !hosts.state(moid).trusted) return;
    const host = inventory.require('HostSystem', moid);
    await hosts
      .client(host)
      .attest()
      .catch(() => undefined); // a failed attestation is what the rules then see
  }

  async #checkPrivileges({ place, spec, encrypted }: MigrationOrder): Promise<void> {
    const { authorization, inventory, hosts } = this.#vcenter;
    const principal = this.#principal;
    if (!principal) throw new VimFault('NotAuthenticated', 'Receiving a VM needs a session.');
    const folder = referenceTo('Folder', place.folder);
    const compute = inventory.computeOf(place.host);
    if (compute) {
      authorization.demand(
        principal,
        referenceTo('ResourcePool', compute.resourcePool),
        'Resource.AssignVMToPool',
      );
    }
    if (spec.kind === 'clone') {
      authorization.demand(principal, folder, 'VirtualMachine.Inventory.CreateFromExisting');
    } else if (this.acrossVcenters) {
      authorization.demand(principal, folder, 'VirtualMachine.Inventory.Create');
    }
    if (!encrypted) return;
    if (this.acrossVcenters) authorization.demand(principal, folder, 'Cryptographer.EncryptNew');
    const host = inventory.require('HostSystem', place.host);
    const { state } = await hosts.client(host).cryptoState();
    if (state !== 'safe') authorization.demand(principal, referenceOf(host), 'Cryptographer.RegisterHost');
  }

  #folderFor({ target, current, operation }: SurveyRequest, host: string): string {
    const { inventory } = this.#vcenter;
    const datacenter = inventory.datacenterOf(host);
    if (target.folder) {
      const folder = inventory.require('Folder', target.folder);
      if (!folder.childType.includes('VirtualMachine')) {
        throw new VimFault('InvalidFolder', `Folder ${folder.name} is not for VMs.`, {
          fields: { target: referenceOf(folder) },
        });
      }
      return folder.moid;
    }
    const kept = current?.folder;
    const stays = kept !== undefined && inventory.datacenterOf(kept)?.moid === datacenter?.moid;
    if (operation === 'migrate' && stays) return kept;
    return datacenter?.vmFolder ?? '';
  }

  #privilegesOn(object: ManagedObjectReference): PrivilegesOn {
    const held = this.#principal && this.#vcenter.authorization.privilegesOn(this.#principal, object);
    return { object, privileges: [...(held ?? [])] };
  }

  #require(migrationId: string): DestinationRecord {
    const record = this.#vcenter.migrations.records.destination(migrationId);
    if (record) return record;
    throw new VimFault('NotFound', 'This vCenter knows no migration of that id.');
  }
}

function digest(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
