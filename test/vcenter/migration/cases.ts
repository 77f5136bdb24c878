import type { RuleAct, RuleActs } from '../../../vcenter/migration/rule.js';
import type { RuleId } from '../../../vcenter/migration/rules.js';
import { planTransfer } from '../../../vcenter/migration/rules.js';
import type { ProviderChangeFacts, TransferPlan } from '../../../vcenter/migration/rule-facts.js';
import type { MigrationChanges } from './fixture.js';
import {
  NATIVE,
  STANDARD,
  TRUSTED,
  TRUSTED_SERVICES,
  encrypt,
  host,
  migration,
  nativeVm,
  plainVm,
  powerOn,
  reconfigure,
  trustedVm,
} from './fixture.js';

/** Facts and plan of one case; without a plan, the one that the rules themselves decide. */
export interface Case<A extends RuleAct> {
  readonly facts: RuleActs[A]['facts'];
  readonly plan?: RuleActs[A]['plan'];
}

/** One passing and one failing case for each clause of each rule. */
export type RuleCases = {
  readonly [A in RuleAct]?: { readonly passing: Case<A>; readonly failing: Case<A> };
};

/** Facts alone. */
const of = (changes: MigrationChanges): Case<'migration'> => ({ facts: migration(changes) });

/** Facts with a plan that somebody got wrong. */
function spoiled(changes: MigrationChanges, spoil: Partial<TransferPlan>): Case<'migration'> {
  const facts = migration(changes);
  return { facts, plan: { ...planTransfer(facts), ...spoil } };
}

const pair = (passing: MigrationChanges, failing: MigrationChanges): RuleCases => ({
  migration: { passing: of(passing), failing: of(failing) },
});

const add = (changes: Partial<ProviderChangeFacts>): Case<'providerChange'> => ({
  facts: { change: 'add', provider: 'new', kind: 'native', vcenterVersion: '8.0.3', count: 3, ...changes },
});

const OTHER_KDK = { ...NATIVE, kdkFingerprint: 'second' } as const;
const NOT_BACKED_UP = { ...NATIVE, hasBackup: false } as const;
const NEEDS_TPM = { ...NATIVE, tpmRequired: true } as const;
const OLD_HOST = { version: '6.0.0', supportsEncryptedVmotion: false } as const;

/** A passing and a failing case of every rule, by its number. */
export const CASES: Record<RuleId, RuleCases> = {
  'ENC-1': {
    migration: { passing: of({}), failing: spoiled({}, { encryptedVmotion: false }) },
  },
  'ENC-2': {
    migration: {
      passing: of({ hostChanges: false }),
      failing: spoiled({ hostChanges: false }, { disks: [{ key: 2000, transit: 'plain' }] }),
    },
  },
  'ENC-3a': {
    migration: {
      passing: of({ hostChanges: false, vm: plainVm('required') }),
      failing: spoiled(
        { hostChanges: false, vm: plainVm('required') },
        { disks: [{ key: 2000, transit: 'encrypted' }] },
      ),
    },
  },
  'ENC-3b': {
    migration: {
      passing: of({ vm: plainVm('opportunistic') }),
      failing: spoiled({ vm: plainVm('opportunistic') }, { disks: [{ key: 2000, transit: 'plain' }] }),
    },
  },
  'ENC-4': {
    ...pair({ request: { migrateEncryption: 'required' } }, { request: { migrateEncryption: 'disabled' } }),
    reconfigure: {
      passing: { facts: reconfigure({ crypto: 'encrypt', requestedMode: 'required' }) },
      failing: { facts: reconfigure({ crypto: 'encrypt', requestedMode: 'disabled' }) },
    },
  },
  'MODE-1': {
    migration: {
      passing: of({ vm: plainVm('disabled') }),
      failing: spoiled({ vm: plainVm('disabled') }, { encryptedVmotion: true }),
    },
  },
  'MODE-2': {
    migration: {
      passing: of({ vm: plainVm('opportunistic'), destination: { host: OLD_HOST } }),
      failing: spoiled(
        { vm: plainVm('opportunistic'), destination: { host: OLD_HOST } },
        { encryptedVmotion: true },
      ),
    },
  },
  'MODE-3': pair({ vm: plainVm('required') }, { vm: plainVm('required'), destination: { host: OLD_HOST } }),
  'MODE-4': {
    reconfigure: {
      passing: { facts: reconfigure({ encryptedBefore: true, crypto: 'decrypt', modeBefore: 'required' }) },
      failing: {
        facts: reconfigure({ crypto: 'encrypt', modeBefore: 'disabled' }),
        plan: { mode: 'required' },
      },
    },
  },
  'MODE-5': {
    reconfigure: {
      passing: { facts: reconfigure({ requestedMode: 'disabled' }) },
      failing: {
        facts: reconfigure({ encryptedBefore: true, modeBefore: 'required', requestedMode: 'disabled' }),
      },
    },
  },
  'XVC-1': pair({}, { request: { channel: 'other' } }),
  'XVC-2': pair({}, { destination: { providers: [NATIVE] } }),
  'XVC-2s': pair(
    {},
    { destination: { providers: [{ ...STANDARD, servers: [{ host: 'other.example', port: 5696 }] }] } },
  ),
  'XVC-2t': pair(
    { vm: trustedVm() },
    { vm: trustedVm(), destination: { host: { trustedServices: { ...TRUSTED_SERVICES, attestation: [] } } } },
  ),
  'XVC-2n': pair({ vm: nativeVm() }, { vm: nativeVm(), destination: { providers: [OTHER_KDK] } }),
  'XVC-3': pair({ vm: nativeVm() }, { vm: nativeVm(), destination: { host: { inCluster: false } } }),
  'XVC-4': pair(
    { destination: { host: { cryptoState: 'incapable' } } },
    { destination: { host: { cryptoState: 'incapable', version: '6.0.0' } } },
  ),
  'PRIV-1': pair({}, { withoutPrivilege: 'Cryptographer.Migrate' }),
  'PRIV-2': pair({ operation: 'clone' }, { operation: 'clone', withoutPrivilege: 'Cryptographer.Clone' }),
  'PRIV-3': pair({}, { withoutPrivilege: 'Cryptographer.EncryptNew' }),
  'PRIV-4': pair(
    { destination: { host: { cryptoState: 'prepared' } } },
    { destination: { host: { cryptoState: 'prepared' } }, withoutPrivilege: 'Cryptographer.RegisterHost' },
  ),
  'CHG-1': pair(
    { request: { storagePolicy: 'gold' } },
    { request: { diskStoragePolicies: [{ key: 2001, storagePolicy: 'silver' }] } },
  ),
  'CHG-2': pair({}, { request: { diskCrypto: [{ key: 2000, change: 'shallowRecrypt' }] } }),
  'CHG-3': {
    migration: {
      passing: of({ operation: 'clone', request: { storagePolicy: 'silver' } }),
      failing: spoiled(
        { operation: 'clone', request: { storagePolicy: 'silver' } },
        { storagePolicy: 'gold' },
      ),
    },
  },
  'VER-1': pair({ destination: { vcenterVersion: '7.0.0' } }, { source: { vcenterVersion: '6.7.3' } }),
  'VER-2': pair({ destination: { host: { version: '6.7.0' } } }, { source: { host: { version: '6.5.0' } } }),
  'TKP-1': pair({ vm: trustedVm() }, { vm: trustedVm(), destination: { host: { attested: false } } }),
  'TKP-2': pair({}, { request: { diskCrypto: [{ key: 2001, change: 'encrypt' }] } }),
  'TKP-3': pair({}, { destination: { providers: [{ ...STANDARD, name: 'skp-2' }] } }),
  'TKP-4': pair(
    { vm: trustedVm() },
    { vm: trustedVm(), destination: { host: { trustedServices: undefined } } },
  ),
  'TKP-5': pair({ vm: trustedVm() }, { vm: trustedVm(), request: { crypto: 'decrypt' } }),
  'TKP-6': pair(
    { vm: trustedVm() },
    { vm: trustedVm(), destination: { host: { trustedServices: { ...TRUSTED_SERVICES, providers: [] } } } },
  ),
  'NKP-1': pair({ vm: nativeVm() }, { vm: nativeVm(), destination: { host: { nativeProviders: [] } } }),
  'EXT-1': {
    ...pair({ vm: nativeVm() }, { vm: trustedVm(), destination: { vcenterVersion: '9.0.0' } }),
    encrypt: {
      passing: { facts: encrypt({ host: host('esx', { version: '7.0.2' }) }) },
      failing: { facts: encrypt({ host: host('esx', { version: '7.0.1' }) }) },
    },
    providerChange: {
      passing: add({ kind: 'native', vcenterVersion: '7.0.2' }),
      failing: add({ kind: 'trusted', vcenterVersion: '9.0' }),
    },
  },
  'EXT-2': {
    ...pair({ vm: nativeVm() }, { vm: nativeVm(), destination: { providers: [NOT_BACKED_UP] } }),
    encrypt: { passing: { facts: encrypt() }, failing: { facts: encrypt({ provider: NOT_BACKED_UP }) } },
  },
  'EXT-3': {
    ...pair(
      { vm: nativeVm(), destination: { providers: [NEEDS_TPM] } },
      { vm: nativeVm(), destination: { providers: [NEEDS_TPM], host: { tpmPresent: false } } },
    ),
    encrypt: {
      passing: { facts: encrypt({ provider: NEEDS_TPM }) },
      failing: { facts: encrypt({ provider: NEEDS_TPM, host: host('esx', { tpmPresent: false }) }) },
    },
  },
  'EXT-4': pair({}, { destination: { providers: [STANDARD, OTHER_KDK, TRUSTED] } }),
  'EXT-5': {
    powerOn: {
      passing: { facts: powerOn({ alreadyRunning: true, host: host('esx', { attested: false }) }) },
      failing: { facts: powerOn({ host: host('esx', { attested: false }) }) },
    },
  },
  'EXT-6': {
    keyRemoval: {
      passing: { facts: { keyId: 'k', provider: 'skp-1' } },
      failing: { facts: { keyId: 'k', provider: 'skp-1' }, plan: { keyServerOperations: ['Destroy'] } },
    },
  },
  'EXT-7': {
    providerChange: { passing: add({ count: 31 }), failing: add({ count: 32 }) },
  },
  'EXT-8': {
    migration: {
      passing: of({}),
      failing: spoiled(
        {},
        { oneTimeKey: { keyBytes: 16, nonceBytes: 8, madeBy: 'sourceVcenter', lifetime: 'thisMigration' } },
      ),
    },
  },
};
