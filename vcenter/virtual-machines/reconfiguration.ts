import type { VmInfo } from '../../host-agent/client.js';
import { VimFault } from '../../wire/vim25/index.js';
import type { Principal } from '../access/authorization.js';
import type { CryptoRequest } from '../crypto/crypto-spec.js';
import type { HostEntity, VirtualMachineEntity } from '../inventory/entities.js';
import { referenceOf } from '../inventory/entities.js';
import type { CryptoChange, ReconfigureFacts, ReconfigurePlan } from '../migration/rule-facts.js';
import { decide, precheck } from '../migration/rules.js';
import { refuseIfViolated } from '../migration/violations.js';
import type { Vcenter } from '../vcenter.js';
import type { ConfigSpec, EditedDisk, VmSpec } from './config-spec.js';
import { mergePolicies, readChangeSpec } from './config-spec.js';
import { homeNotEncrypted } from './virtual-machines.js';

/** Privilege on the VM that a change of its encryption needs. */
const CHANGE_PRIVILEGES = {
  encrypt: 'Cryptographer.Encrypt',
  decrypt: 'Cryptographer.Decrypt',
  shallowRecrypt: 'Cryptographer.Recrypt',
  deepRecrypt: 'Cryptographer.Recrypt',
} as const satisfies Record<CryptoChange, string>;

/** A change that was found to be allowed, and is to be done. */
export interface CheckedChange {
  readonly spec: VmSpec;
  readonly plan: ReconfigurePlan;
}

/** ReconfigVM_Task: encryption of a VM and its disks, its encrypted vMotion state, name and storage policies. */
export class Reconfiguration {
  readonly #vcenter: Vcenter;

  constructor(vcenter: Vcenter) {
    this.#vcenter = vcenter;
  }

  /** Checks privileges and rules, before a task is begun. @throws VimFault */
  check(vm: VirtualMachineEntity, principal: Principal, config: ConfigSpec): CheckedChange {
    const spec = readChangeSpec(config);
    const demand = (privilege: string): void =>
      this.#vcenter.authorization.demand(principal, referenceOf(vm), privilege);
    for (const change of changesOf(spec)) demand(CHANGE_PRIVILEGES[change]);
    if (spec.name !== undefined) {
      demand('VirtualMachine.Config.Rename');
      this.#vcenter.inventory.checkName(vm.parent ?? '', spec.name, vm.moid);
    }
    if (spec.migrateEncryption || changesPolicies(spec) || changesOf(spec).length === 0) {
      demand('VirtualMachine.Config.Settings');
    }
    const { info } = vm;
    checkCrypto(spec, info);
    const facts: ReconfigureFacts = {
      vm: vm.name,
      encryptedBefore: info.keyId !== undefined,
      crypto: spec.crypto?.change,
      modeBefore: info.migrateEncryption,
      recordedBefore: info.recordedMigrateEncryption,
      requestedMode: spec.migrateEncryption,
    };
    const draft = { mode: info.migrateEncryption, recorded: info.recordedMigrateEncryption };
    const plan = decide('reconfigure', facts, draft);
    refuseIfViolated(precheck('reconfigure', facts, plan));
    return { spec, plan };
  }

  /** Does what was checked. @throws VimFault */
  async apply(vm: VirtualMachineEntity, principal: Principal, { spec, plan }: CheckedChange): Promise<void> {
    const { inventory, hosts, events } = this.#vcenter;
    let latest = vm;
    if (spec.crypto ?? spec.editedDisks.some(({ crypto }) => crypto)) {
      latest = hosts.vms.put(this.#vcenter.vms.hostOf(vm), await this.#changeCrypto(vm, principal, spec));
    }
    if (!latest.info.keyId && latest.info.migrateEncryption !== plan.mode) {
      const host = this.#vcenter.vms.hostOf(vm);
      latest = hosts.vms.put(host, await hosts.client(host).setMigrateEncryption(vm.uuid, plan.mode));
    }
    inventory.put({
      ...latest,
      name: spec.name ?? latest.name,
      ...(spec.storagePolicy !== undefined && { storagePolicy: spec.storagePolicy }),
      diskStoragePolicies: mergePolicies(latest.diskStoragePolicies, spec.editedDisks),
    });
    events.post(
      'VmReconfiguredEvent',
      { vm: latest, userName: principal.name, message: `Reconfigured ${latest.name}.` },
      { configSpec: { _typeName: 'VirtualMachineConfigSpec' } },
    );
  }

  async #changeCrypto(vm: VirtualMachineEntity, principal: Principal, spec: VmSpec): Promise<VmInfo> {
    const host = this.#vcenter.vms.hostOf(vm);
    const request = spec.crypto ?? spec.editedDisks.find(({ crypto }) => crypto)?.crypto;
    if (!request) return vm.info;
    const { supply, authorization, hosts } = this.#vcenter;
    if (request.change !== 'decrypt') {
      const { state } = await hosts.client(host).cryptoState();
      if (state !== 'safe') {
        authorization.demand(principal, referenceOf(host), 'Cryptographer.RegisterHost');
        await supply.makeSafe(host, request.key?.providerId?.id);
      }
    }
    const disks = disksOf(spec);
    return supply.withKeys(host, await this.#action(vm, host, request, disks));
  }

  /** The call to the host; its key is had before, so that a second attempt uses the same key. */
  async #action(
    vm: VirtualMachineEntity,
    host: HostEntity,
    { change, key }: CryptoRequest,
    disks: 'all' | number[],
  ): Promise<() => Promise<VmInfo>> {
    const client = this.#vcenter.hosts.client(host);
    if (change === 'decrypt') return () => client.decryptVm(vm.uuid, disks);
    const owner = { component: 'Virtual Machine', identifier: vm.uuid, name: vm.name } as const;
    const id = await this.#vcenter.supply.keyFor(host, key ?? vm.info.keyId, owner);
    if (change === 'encrypt') return () => client.encryptVm(vm.uuid, { key: id, disks });
    const kind = change === 'shallowRecrypt' ? 'shallow' : 'deep';
    return () => client.recryptVm(vm.uuid, { kind, newKeyId: id });
  }
}

/** All disks go with the VM, unless the specification names disks of its own. */
function disksOf({ crypto, editedDisks }: VmSpec): 'all' | number[] {
  const named = editedDisks.flatMap((disk) => (disk.crypto ? [disk.key] : []));
  return crypto && named.length === 0 ? 'all' : named;
}

function changesOf({ crypto, editedDisks }: VmSpec): readonly CryptoChange[] {
  return [
    ...new Set(
      [crypto, ...editedDisks.map((disk) => disk.crypto)].flatMap((request) => request?.change ?? []),
    ),
  ];
}

function changesPolicies({ storagePolicy, editedDisks }: VmSpec): boolean {
  return storagePolicy !== undefined || editedDisks.some((disk) => disk.storagePolicy !== undefined);
}

/** @throws VimFault `InvalidVmConfig`, `InvalidDeviceSpec` */
function checkCrypto(spec: VmSpec, info: VmInfo): void {
  const encrypted = info.keyId !== undefined;
  const change = spec.crypto?.change;
  if (change === 'encrypt' && encrypted)
    throw invalid('encrypted', 'The VM is encrypted already; recrypt it instead.');
  if (change !== undefined && change !== 'encrypt' && !encrypted) {
    throw invalid('notEncrypted', 'The VM is not encrypted; encrypt it first.');
  }
  if (changesOf(spec).length > 1) {
    throw invalid('mismatch', 'One call changes the encryption of VM and disks in one way only.');
  }
  if (!spec.crypto && changesOf(spec).some((each) => each.endsWith('Recrypt'))) {
    throw new VimFault('NotSupported', 'A recryption is of the whole VM; put it into the crypto of the VM.');
  }
  for (const [index, disk] of spec.editedDisks.entries()) checkDisk(disk, index, spec, info);
}

function checkDisk({ key, crypto }: EditedDisk, deviceIndex: number, spec: VmSpec, info: VmInfo): void {
  const disk = info.disks.find((each) => each.key === key);
  if (!disk) {
    throw new VimFault('DeviceNotFound', `The VM has no disk ${key}.`, { fields: { deviceIndex } });
  }
  if (!crypto) return;
  if (crypto.change === 'encrypt' && !info.keyId && spec.crypto?.change !== 'encrypt')
    throw homeNotEncrypted();
  const wrong = crypto.change === 'encrypt' ? disk.encrypted : !disk.encrypted;
  if (!wrong) return;
  const message = `Disk ${key} is ${disk.encrypted ? '' : 'not '}encrypted, so there is nothing to ${crypto.change}.`;
  throw new VimFault('InvalidDeviceSpec', message, {
    fields: { deviceIndex },
    faultMessage: [{ key: 'msg.hostd.deviceSpec.enc.badPolicy', message }],
  });
}

function invalid(key: string, message: string): VimFault<'InvalidVmConfig'> {
  return new VimFault('InvalidVmConfig', message, {
    fields: { property: 'crypto' },
    faultMessage: [{ key: `msg.hostd.configSpec.enc.${key}`, message }],
  });
}
