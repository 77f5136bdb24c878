import type { ManagedObjectReference, Vim, VimObject } from '../../wire/vim25/index.js';
import { VimFault } from '../../wire/vim25/index.js';
import { cryptoRequest } from '../crypto/crypto-spec.js';
import { storagePolicyOf } from '../virtual-machines/config-spec.js';
import type { VirtualMachineEntity } from '../inventory/entities.js';
import type { CryptoChange, MigrateEncryption, RequestFacts } from './rule-facts.js';

/** Where a VM is to go; references are the destination vCenter's. */
export interface TargetRequest {
  readonly host?: ManagedObjectReference | undefined;
  readonly pool?: ManagedObjectReference | undefined;
  readonly datastore?: ManagedObjectReference | undefined;
  readonly folder?: ManagedObjectReference | undefined;
}

/** The other vCenter of a migration, and who acts there. */
export interface ServiceRequest {
  readonly instanceUuid: string;
  /** `https://host:port`. */
  readonly baseUrl: string;
  readonly userName: string;
  readonly password: string;
  readonly thumbprintSha256?: string | undefined;
}

/** A migration or clone as it was asked for. */
export interface MigrationRequest {
  readonly operation: 'migrate' | 'clone';
  readonly vm: VirtualMachineEntity;
  readonly target: TargetRequest;
  readonly service?: ServiceRequest | undefined;
  /** What else is asked for, as the rules see it. */
  readonly wishes: RequestFacts;
  /** Name of a clone. */
  readonly cloneName?: string | undefined;
  /** Whether a clone is to be powered on. */
  readonly powerOn?: boolean | undefined;
}

type RelocateSpec = VimObject<'VirtualMachineRelocateSpec'>;
type CloneSpec = VimObject<'VirtualMachineCloneSpec'>;

const SHA256_THUMBPRINT = /^([0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}$/;

/** Reads a RelocateSpec. @throws VimFault `NotSupported`, `InvalidArgument` */
export function readRelocateSpec(
  vm: VirtualMachineEntity,
  spec: RelocateSpec,
  channel: RequestFacts['channel'] = 'vsphereApi',
): MigrationRequest {
  if (spec.deviceChange && spec.deviceChange.length > 0) {
    throw new VimFault(
      'NotSupported',
      'Devices cannot be changed on the way; reconfigure the VM before or after.',
    );
  }
  const disks = spec.disk ?? [];
  const diskDatastores = [...new Set(disks.map(({ datastore }) => datastore.value))];
  const [only] = disks;
  const datastore = spec.datastore ?? only?.datastore;
  if (diskDatastores.length > 1 || diskDatastores.some((moid) => moid !== datastore?.value)) {
    throw new VimFault('NotSupported', 'All disks of a VM lie in one datastore; name the same one for each.');
  }
  return {
    operation: 'migrate',
    vm,
    target: { host: spec.host, pool: spec.pool, datastore, folder: spec.folder },
    service: spec.service && readService(spec.service),
    wishes: {
      channel,
      crypto: cryptoRequest(spec.cryptoSpec)?.change,
      diskCrypto: disks.flatMap(({ diskId, backing }) => {
        const change: CryptoChange | undefined = cryptoRequest(backing?.crypto)?.change;
        return change ? [{ key: diskId, change }] : [];
      }),
      storagePolicy: storagePolicyOf(spec.profile),
      diskStoragePolicies: disks.flatMap(({ diskId, profile }) => {
        const storagePolicy = storagePolicyOf(profile);
        return storagePolicy === undefined ? [] : [{ key: diskId, storagePolicy }];
      }),
    },
  };
}

/** Reads the arguments of CloneVM_Task. @throws VimFault `NotSupported`, `InvalidArgument`, `InvalidName` */
export function readCloneSpec(
  vm: VirtualMachineEntity,
  folder: ManagedObjectReference,
  name: string,
  spec: CloneSpec,
): MigrationRequest {
  if (spec.template) throw new VimFault('NotSupported', 'Clones cannot be templates here; clone to a VM.');
  if (spec.snapshot) throw new VimFault('NotSupported', 'There are no snapshots here; clone the VM itself.');
  const { config } = spec;
  const unknown = Object.entries(config ?? {}).find(
    ([field, value]) => !['_typeName', 'migrateEncryption'].includes(field) && value !== undefined,
  );
  if (unknown) {
    throw new VimFault(
      'NotSupported',
      `config.${unknown[0]} cannot be set while cloning; reconfigure the clone.`,
    );
  }
  if (name.trim() === '' || name.length > 80) {
    throw new VimFault('InvalidName', 'Names have 1 to 80 characters.', { fields: { name } });
  }
  const read = readRelocateSpec(vm, spec.location);
  return {
    ...read,
    operation: 'clone',
    target: { ...read.target, folder: read.target.folder ?? folder },
    wishes: {
      ...read.wishes,
      ...(config?.migrateEncryption !== undefined && {
        migrateEncryption: config.migrateEncryption as MigrateEncryption,
      }),
    },
    cloneName: name,
    powerOn: spec.powerOn,
  };
}

function readService(service: VimObject<'ServiceLocator'>): ServiceRequest {
  const { instanceUuid, url, sslThumbprint } = service;
  const credential: Vim<'ServiceLocatorCredential'> = service.credential;
  if (credential._typeName !== 'ServiceLocatorNamePassword') {
    throw new VimFault('NotSupported', 'Log in to the other vCenter with a ServiceLocatorNamePassword.');
  }
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol !== 'https:') {
    throw invalid('service.url', 'Give the other vCenter as https://host:port.');
  }
  if (sslThumbprint !== undefined && !SHA256_THUMBPRINT.test(sslThumbprint)) {
    throw invalid(
      'service.sslThumbprint',
      'Give the SHA-256 thumbprint: 32 bytes in hex, separated by colons.',
    );
  }
  return {
    instanceUuid,
    baseUrl: parsed.origin,
    userName: credential.username,
    password: credential.password,
    thumbprintSha256: sslThumbprint,
  };
}

function invalid(invalidProperty: string, message: string): VimFault<'InvalidArgument'> {
  return new VimFault('InvalidArgument', message, { fields: { invalidProperty } });
}
