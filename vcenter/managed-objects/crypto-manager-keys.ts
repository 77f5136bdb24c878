import type { MethodHandlers, VimObject } from '../../wire/vim25/index.js';
import { CHECK_KEY_BITS, VimFault, toVimFault } from '../../wire/vim25/index.js';
import type { CryptoKeyId, CryptoKeyPlain } from '../../host-agent/client.js';
import { referenceOf } from '../inventory/entities.js';
import { KeyUnavailable, cryptoKeyId } from '../key-providers/key-provider.js';
import type { KeyAvailability } from '../key-providers/key-provider.js';
import type { Vcenter } from '../vcenter.js';
import type { Caller } from './caller.js';

/** Keys of one call. */
const KEYS_LIMIT = 1000;
/** Keys that ListKeys tells at most. */
const LIST_LIMIT = 10_000;

type KeyResult = VimObject<'CryptoKeyResult'>;

/** CryptoManagerKmip: keys. On key servers they are made, never deleted (EXT-6). */
export const KMIP_KEY_METHODS: MethodHandlers<Caller, 'CryptoManagerKmip'> = {
  async AddKey({ vcenter }, _self, { key }) {
    const result = await addKey(vcenter, key);
    if (result.success) return undefined;
    throw new VimFault('InvalidArgument', result.reason ?? 'The key was not taken.', {
      fields: { invalidProperty: 'key' },
    });
  },
  AddKeys: ({ vcenter }, _self, { keys }) => Promise.all(bounded(keys).map((key) => addKey(vcenter, key))),
  async RemoveKey({ vcenter }, _self, { key, force }) {
    const result = await removeKey(vcenter, key, force);
    if (result.success) return undefined;
    throw new VimFault('ResourceInUse', result.reason ?? 'The key was not removed.', {
      fields: { type: 'CryptoKeyId', name: key.keyId },
    });
  },
  RemoveKeys: ({ vcenter }, _self, { keys, force }) =>
    Promise.all(bounded(keys).map((key) => removeKey(vcenter, key, force))),
  ListKeys: ({ vcenter }, _self, { limit }) =>
    vcenter.store
      .keys(Math.min(limit ?? LIST_LIMIT, LIST_LIMIT))
      .map(({ provider, keyId }) => cryptoKeyId(provider, keyId)),
  async GenerateKey({ vcenter }, _self, { keyProvider }) {
    const name = keyProvider?.id ?? vcenter.providers.defaultName;
    if (name === undefined) {
      throw new VimFault('InvalidArgument', 'Name a key provider, or set a default with MarkDefault.', {
        fields: { invalidProperty: 'keyProvider' },
      });
    }
    const provider = await vcenter.providers.require(name);
    if (provider.kind !== 'standard') {
      throw new VimFault(
        'InvalidArgument',
        `Keys of the ${provider.kind} key provider ${name} are made by hosts only.`,
        {
          fields: { invalidProperty: 'keyProvider' },
        },
      );
    }
    try {
      const key = await provider.newKey({
        component: 'Virtual Machine',
        identifier: vcenter.instanceUuid,
        name: vcenter.config.name,
      });
      vcenter.store.putKey(name, key.keyId.keyId, vcenter.context.clock.now());
      return { _typeName: 'CryptoKeyResult', keyId: cryptoKeyId(name, key.keyId.keyId), success: true };
    } catch (error) {
      return failed(cryptoKeyId(name, ''), error);
    }
  },
  async SetKeyCustomAttributes({ vcenter }, _self, { keyId, spec }) {
    const id = withProvider(vcenter, keyId);
    try {
      const provider = vcenter.providers.requireStandard(id.providerId?.id ?? '');
      const attributes = (spec.attributes ?? []).slice(0, KEYS_LIMIT).map(({ key, value }) => [key, value]);
      await provider.setAttributes(id.keyId, Object.fromEntries(attributes) as Record<string, string>);
      return { _typeName: 'CryptoKeyResult', keyId: id, success: true };
    } catch (error) {
      return failed(id, error);
    }
  },
  QueryCryptoKeyStatus: ({ vcenter }, _self, { keyIds, checkKeyBitMap }) =>
    Promise.all(
      bounded(keyIds).map((keyId) => keyStatus(vcenter, withProvider(vcenter, keyId), checkKeyBitMap)),
    ),
};

/** A key in clear goes to the connected safe hosts; a key of a provider is only made known here. */
async function addKey(vcenter: Vcenter, key: CryptoKeyPlain): Promise<KeyResult> {
  const id = withProvider(vcenter, key.keyId);
  try {
    if (key.keyData === '') await requireAvailable(vcenter, id);
    else await pushToSafeHosts(vcenter, { ...key, keyId: id });
    vcenter.store.putKey(id.providerId?.id ?? '', id.keyId, vcenter.context.clock.now());
    return { _typeName: 'CryptoKeyResult', keyId: id, success: true };
  } catch (error) {
    return failed(id, error);
  }
}

async function pushToSafeHosts({ inventory, hosts }: Vcenter, key: CryptoKeyPlain): Promise<void> {
  const safe = inventory
    .ofType('HostSystem')
    .filter(({ moid }) => hosts.state(moid).connected && hosts.state(moid).crypto?.state === 'safe');
  for (const host of safe) {
    const [result] = await hosts.client(host).addKeys([key]);
    if (result?.success === false) {
      throw new KeyUnavailable(
        'KeyStateMissingInCache',
        `Host ${host.name} does not take the key: ${result.reason ?? ''}`,
      );
    }
  }
}

async function requireAvailable(vcenter: Vcenter, id: CryptoKeyId): Promise<void> {
  const status = await availability(vcenter, id);
  if (status.available) return;
  throw new KeyUnavailable(
    status.reason ?? 'KeyStateMissingInKMS',
    `The key cannot be had: ${status.reason ?? ''}.`,
  );
}

/** Takes a key out of the hosts' caches and off the list; on the key server it stays (EXT-6). */
async function removeKey(vcenter: Vcenter, key: CryptoKeyId, force: boolean): Promise<KeyResult> {
  const id = withProvider(vcenter, key);
  const { inventory, hosts, providers } = vcenter;
  try {
    const users = usersOf(vcenter, id);
    if (!force && users.vms.length + users.hosts.length > 0) {
      throw new KeyUnavailable(
        'KeyStateNotActiveOrEnabled',
        `${users.vms.length} VMs and ${users.hosts.length} hosts use this key; recrypt them first, or force it.`,
      );
    }
    for (const host of inventory.ofType('HostSystem')) {
      if (hosts.state(host.moid).connected) await hosts.client(host).removeKeys([id], force);
    }
    providers.forgetKey(id.providerId?.id ?? '', id.keyId);
    return { _typeName: 'CryptoKeyResult', keyId: id, success: true };
  } catch (error) {
    return failed(id, error);
  }
}

async function keyStatus(
  vcenter: Vcenter,
  keyId: VimObject<'CryptoKeyId'>,
  bits: number,
): Promise<VimObject<'CryptoManagerKmipCryptoKeyStatus'>> {
  const status = (bits & CHECK_KEY_BITS.available) === 0 ? undefined : await availability(vcenter, keyId);
  const users = usersOf(vcenter, keyId);
  return {
    _typeName: 'CryptoManagerKmipCryptoKeyStatus',
    keyId,
    ...(status && { keyAvailable: status.available }),
    ...(status?.reason && { reason: status.reason }),
    ...((bits & CHECK_KEY_BITS.usedByVms) !== 0 && { encryptedVMs: users.vms }),
    ...((bits & CHECK_KEY_BITS.usedByHosts) !== 0 && { affectedHosts: users.hosts }),
    ...((bits & CHECK_KEY_BITS.usedByOther) !== 0 && { referencedByTags: [] }),
  };
}

async function availability(vcenter: Vcenter, { keyId, providerId }: CryptoKeyId): Promise<KeyAvailability> {
  const provider = await vcenter.providers.find(providerId?.id ?? '');
  return provider ? provider.keyStatus(keyId) : { available: false, reason: 'KeyStateClusterInvalid' };
}

function usersOf(
  { inventory, hosts }: Vcenter,
  id: CryptoKeyId,
): { readonly vms: ReturnType<typeof referenceOf>[]; readonly hosts: ReturnType<typeof referenceOf>[] } {
  const same = (other: CryptoKeyId | undefined): boolean =>
    other?.keyId === id.keyId && other.providerId?.id === id.providerId?.id;
  return {
    vms: inventory
      .ofType('VirtualMachine')
      .filter(({ info }) => same(info.keyId) || info.disks.some((disk) => same(disk.keyId)))
      .map(referenceOf),
    hosts: inventory
      .ofType('HostSystem')
      .filter(({ moid }) => same(hosts.state(moid).crypto?.hostKey))
      .map(referenceOf),
  };
}

/** A key id without provider belongs to the default one. */
function withProvider({ providers }: Vcenter, id: CryptoKeyId): VimObject<'CryptoKeyId'> {
  return cryptoKeyId(id.providerId?.id ?? providers.defaultName ?? '', id.keyId);
}

function failed(keyId: VimObject<'CryptoKeyId'>, error: unknown): KeyResult {
  if (error instanceof KeyUnavailable) {
    return {
      _typeName: 'CryptoKeyResult',
      keyId,
      success: false,
      reason: `${error.reason}: ${error.message}`,
    };
  }
  const fault = toVimFault(error);
  return {
    _typeName: 'CryptoKeyResult',
    keyId,
    success: false,
    reason: fault.message,
    fault: fault.toLocalizedMethodFault(),
  };
}

function bounded<T>(list: readonly T[] | undefined): readonly T[] {
  if (list && list.length > KEYS_LIMIT) {
    throw new VimFault('InvalidArgument', `Send at most ${KEYS_LIMIT} keys at once.`);
  }
  return list ?? [];
}
