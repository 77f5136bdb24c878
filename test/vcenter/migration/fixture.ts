import type {
  EncryptFacts,
  HostFacts,
  MigrationFacts,
  PowerOnFacts,
  ProviderFacts,
  ReconfigureFacts,
  SideFacts,
  TrustedServicesFacts,
  VmFacts,
} from '../../../vcenter/migration/rule-facts.js';

/** What a case changes in the facts of a migration that is all right; everything is optional. */
export interface MigrationChanges {
  readonly operation?: MigrationFacts['operation'];
  readonly acrossVcenters?: boolean;
  readonly hostChanges?: boolean;
  readonly vm?: Partial<VmFacts>;
  readonly request?: Partial<MigrationFacts['request']>;
  readonly source?: SideChanges;
  readonly destination?: SideChanges;
  readonly withoutPrivilege?: string;
}

/** What a case changes on one side. */
export interface SideChanges {
  readonly vcenterVersion?: string;
  readonly host?: Partial<HostFacts>;
  readonly providers?: readonly ProviderFacts[];
}

export const STANDARD = {
  kind: 'standard',
  name: 'skp-1',
  servers: [{ host: 'kms.example', port: 5696 }],
} as const satisfies ProviderFacts;
export const NATIVE = {
  kind: 'native',
  name: 'nkp-1',
  kdkFingerprint: 'first',
  hasBackup: true,
  tpmRequired: false,
} as const satisfies ProviderFacts;
export const TRUSTED = { kind: 'trusted', name: 'tkp-1' } as const satisfies ProviderFacts;
export const TRUSTED_SERVICES: TrustedServicesFacts = {
  attestation: [{ host: 'attest.example', port: 443 }],
  keyProviderServices: [{ host: 'kps.example', port: 443 }],
  providers: ['tkp-1'],
};

/** A host that all rules are content with. */
export function host(name: string, changes: Partial<HostFacts> = {}): HostFacts {
  return {
    reference: { _typeName: 'ManagedObjectReference', type: 'HostSystem', value: name },
    name,
    version: '8.0.3',
    supportsEncryptedVmotion: true,
    inCluster: true,
    cryptoState: 'safe',
    tpmPresent: true,
    nativeProviders: ['nkp-1'],
    trustedServices: TRUSTED_SERVICES,
    attested: true,
    attestationMessages: [],
    ...changes,
  };
}

/** A hot migration of a standard-encrypted VM across two vCenters that every rule allows, changed by a case. */
export function migration(changes: MigrationChanges = {}): MigrationFacts {
  const granted = [
    'Cryptographer.Migrate',
    'Cryptographer.Clone',
    'Cryptographer.EncryptNew',
    'Cryptographer.RegisterHost',
  ].filter((privilege) => privilege !== changes.withoutPrivilege);
  const on = (type: string, value: string): MigrationFacts['privileges']['vm'] => ({
    object: { _typeName: 'ManagedObjectReference', type, value },
    privileges: granted,
  });
  return {
    operation: changes.operation ?? 'migrate',
    acrossVcenters: changes.acrossVcenters ?? true,
    hostChanges: changes.hostChanges ?? true,
    vm: { ...encryptedVm('standard', 'skp-1'), ...changes.vm },
    request: { channel: 'vsphereApi', diskCrypto: [], diskStoragePolicies: [], ...changes.request },
    source: side('vc-east', 'esx-east-1', changes.source),
    destination: side('vc-west', 'esx-west-1', changes.destination),
    privileges: {
      vm: on('VirtualMachine', 'vm-1'),
      destinationFolder: on('Folder', 'group-v2'),
      destinationHost: on('HostSystem', 'esx-west-1'),
    },
  };
}

/** An encrypted VM with one encrypted and one plain disk, both moving. */
export function encryptedVm(kind: ProviderFacts['kind'], provider: string): VmFacts {
  return {
    reference: { _typeName: 'ManagedObjectReference', type: 'VirtualMachine', value: 'vm-1' },
    name: 'ledger',
    poweredOn: true,
    encrypted: true,
    keyProviders: [{ name: provider, kind }],
    migrateEncryption: 'required',
    storagePolicy: 'gold',
    disks: [
      { key: 2000, encrypted: true, moves: true, storagePolicy: 'gold' },
      { key: 2001, encrypted: false, moves: true, storagePolicy: 'gold' },
    ],
  };
}

/** Changes that make the VM an unencrypted one with the given encrypted vMotion state. */
export function plainVm(mode: VmFacts['migrateEncryption']): Partial<VmFacts> {
  return {
    encrypted: false,
    keyProviders: [],
    migrateEncryption: mode,
    disks: [{ key: 2000, encrypted: false, moves: true, storagePolicy: 'gold' }],
  };
}

export const nativeVm = (): Partial<VmFacts> => encryptedVm('native', 'nkp-1');
export const trustedVm = (): Partial<VmFacts> => encryptedVm('trusted', 'tkp-1');

function side(vcenter: string, hostName: string, changes: SideChanges = {}): SideFacts {
  return {
    vcenter: { name: vcenter, version: changes.vcenterVersion ?? '8.0.3' },
    host: host(hostName, changes.host),
    providers: changes.providers ?? [STANDARD, NATIVE, TRUSTED],
  };
}

/** A plain VM that is to stay as it is, changed by a case. */
export function reconfigure(changes: Partial<ReconfigureFacts> = {}): ReconfigureFacts {
  return { vm: 'ledger', encryptedBefore: false, modeBefore: 'opportunistic', ...changes };
}

/** A new key of a backed-up native provider on a good host, changed by a case. */
export function encrypt(changes: Partial<EncryptFacts> = {}): EncryptFacts {
  return { provider: NATIVE, vcenterVersion: '8.0.3', host: host('esx-east-1'), ...changes };
}

/** A trusted-encrypted VM to be powered on at an attested host, changed by a case. */
export function powerOn(changes: Partial<PowerOnFacts> = {}): PowerOnFacts {
  return {
    vm: 'ledger',
    alreadyRunning: false,
    keyProviders: [{ name: 'tkp-1', kind: 'trusted' }],
    host: host('esx-east-t1'),
    ...changes,
  };
}
