import type { LocalizableMessage } from '../../core/http/index.js';
import { exclusionOf } from '../supply/host.js';
import type { HostSupply } from '../supply/host-supply.js';
import type { ProviderRecord } from '../store.js';

/** `Providers.Health` of the vSphere Automation API. */
export const HEALTHS = ['NONE', 'OK', 'WARNING', 'ERROR'] as const;
/** One of {@link HEALTHS}. */
export type ProviderHealth = (typeof HEALTHS)[number];

/** A provider's health and what to do about it. */
export interface HealthReport {
  readonly health: ProviderHealth;
  readonly details: readonly LocalizableMessage[];
}

/** The id by which vSphere says that a provider may not be used before its backup was downloaded. */
export const NOT_BACKED_UP = 'com.vmware.vim.vpxd.encryption.keyProviderNotBackedUp';

/** Hosts named in the details; a large vCenter may have thousands. */
const NAMED_HOSTS = 20;

/** A provider's health: ERROR before its first backup, WARNING while a host or the backup lags behind, else OK. */
export function healthOf(provider: ProviderRecord, supply: HostSupply): HealthReport {
  if (provider.backup === 'none') {
    const text = `Key provider ${provider.name} is not backed up: export it and download the backup before it is used.`;
    return { health: 'ERROR', details: [message(NOT_BACKED_UP, text, [provider.name])] };
  }
  const details: LocalizableMessage[] = [];
  if (provider.backup === 'outdated') {
    const text = `The key id of ${provider.name} was changed after its last backup: export it again.`;
    details.push(message('kpsim.nativeKeyProvider.backupOutdated', text, [provider.name]));
  }
  if (provider.awaitsHosts) {
    const text = `Key provider ${provider.name} was imported and is on no host yet: put hosts into a cluster, or wait for remediation.`;
    details.push(message('kpsim.nativeKeyProvider.notOnHosts', text, [provider.name]));
  }
  const lacking = supply
    .hosts()
    .filter((host) => !exclusionOf(host, provider) && !supply.status(host.host)?.supplied.has(provider.name));
  for (const host of lacking.slice(0, NAMED_HOSTS)) {
    const reason = supply.status(host.host)?.failure ?? 'it is being brought up to date';
    const text = `Host ${host.name} does not hold key provider ${provider.name}: ${reason}`;
    details.push(message('kpsim.nativeKeyProvider.hostLacksProvider', text, [host.name, provider.name]));
  }
  return { health: details.length > 0 ? 'WARNING' : 'OK', details };
}

/** A message in the form of the vAPI. */
export function message(id: string, text: string, args: readonly string[]): LocalizableMessage {
  return { id, default_message: text, args };
}
