import type { Dispatcher } from 'undici';

import type { HttpAnswer, HttpClientOptions } from '../core/http/index.js';
import { HttpClient, HttpStatusError } from '../core/http/index.js';
import type * as api from './api/results.js';
import { hostErrorOf } from './api/answer-errors.js';
import { vimKeyId } from './keys/key-id.js';

export type * from './api/results.js';
export type { VapiErrorType } from '../core/http/index.js';

/** Release of vim25 that the client speaks. */
const RELEASE = '8.0.3.0';
const CRYPTO_MANAGER = `/sdk/vim25/${RELEASE}/CryptoManagerHostKMS/ha-crypto-manager`;
const HOST = '/api/kpsim/host';
const TRUSTED = '/api/esx/trusted-infrastructure';
/** Disk work is answered when it is done: encrypting a large disk takes its time. */
const DEFAULT_TIMEOUT_MS = 600_000;

/**
 * Speaks to one host agent over mutual TLS.
 *
 * Every method throws `VimFault` where the host answered with one (`EncryptionKeyRequired` carries
 * `requiredKey`), `VapiError` for any other error answer, and `KpsimError` `unreachable` without an answer.
 */
export class HostAgentClient {
  readonly #http: HttpClient;

  constructor(options: Pick<HttpClientOptions, 'baseUrl' | 'caPem' | 'clientCertificate' | 'timeoutMs'>) {
    this.#http = new HttpClient({ timeoutMs: DEFAULT_TIMEOUT_MS, ...options });
  }

  /** The host's address. */
  get baseUrl(): string {
    return this.#http.baseUrl;
  }

  /** Closes all connections. */
  close(): Promise<void> {
    return this.#http.close();
  }

  /** Who the host is and how it stands. */
  about(): Promise<api.HostAbout> {
    return this.#call('GET', `${HOST}/about`);
  }

  /** Restarts the host: VMs are powered off, the key cache and all memory is lost, boot is measured again. */
  reboot(): Promise<void> {
    return this.#call('POST', `${HOST}?action=reboot`);
  }

  /** Installs another base image; the host runs it from its next boot on. @throws VapiError `UNSUPPORTED` */
  patch(spec: api.PatchSpec): Promise<api.HostImages> {
    return this.#call('POST', `${HOST}?action=patch`, spec);
  }

  // Crypto mode and keys (vim25 CryptoManagerHostKMS)

  /** incapable → prepared. @throws VimFault `InvalidState` from any other state */
  prepareCrypto(): Promise<void> {
    return this.#call('POST', `${CRYPTO_MANAGER}/CryptoManagerHostPrepare`, {});
  }

  /** prepared → safe, with the host's own key. @throws VimFault `InvalidState`, `AlreadyExists` */
  enableCrypto(initialKey: api.CryptoKeyPlain): Promise<void> {
    return this.#call('POST', `${CRYPTO_MANAGER}/CryptoManagerHostEnable`, {
      initialKey: plainKeyJson(initialKey),
    });
  }

  /** Gives the host another key of its own; it is done when this resolves. @throws VimFault `InvalidState` */
  async changeKey(newKey: api.CryptoKeyPlain): Promise<void> {
    await this.#call('POST', `${CRYPTO_MANAGER}/ChangeKey_Task`, { newKey: plainKeyJson(newKey) });
  }

  /** safe → pendingIncapable, and incapable after the next reboot. @throws VimFault `InvalidState` */
  disableCrypto(): Promise<void> {
    return this.#call('POST', `${CRYPTO_MANAGER}/CryptoManagerHostDisable`, {});
  }

  /** The crypto mode and the host key. */
  cryptoState(): Promise<api.CryptoMode> {
    return this.#call('GET', `${HOST}/crypto`);
  }

  /** Puts keys into the cache; one result a key. */
  addKeys(keys: readonly api.CryptoKeyPlain[]): Promise<readonly api.CryptoKeyResult[]> {
    return this.#call('POST', `${CRYPTO_MANAGER}/AddKeys`, { keys: keys.map(plainKeyJson) });
  }

  /** The ids of the keys in the cache. */
  async listKeys(): Promise<readonly api.CryptoKeyId[]> {
    return (await this.#call<api.CryptoKeyId[] | undefined>('POST', `${CRYPTO_MANAGER}/ListKeys`, {})) ?? [];
  }

  /** Takes keys out of the cache; a key in use stays unless forced. */
  removeKeys(ids: readonly api.CryptoKeyId[], force: boolean): Promise<readonly api.CryptoKeyResult[]> {
    return this.#call('POST', `${CRYPTO_MANAGER}/RemoveKeys`, { keys: ids.map(vimKeyId), force });
  }

  /** Whether the host has keys, and why not: GetCryptoKeyStatus, with the reason that vim25 has no field for. */
  getCryptoKeyStatus(ids: readonly api.CryptoKeyId[]): Promise<readonly api.HostKeyStatus[]> {
    return this.#call('POST', `${HOST}/crypto?action=key-status`, { keys: ids.map(vimKeyId) });
  }

  /** Lets the host fetch keys of a standard provider itself, as hosts with vSAN encryption do. */
  setKeyServers(provider: string, servers: api.KeyServersSpec): Promise<void> {
    return this.#call('PUT', `${HOST}/key-servers/${segment(provider)}`, servers);
  }

  /** Takes that back. */
  removeKeyServers(provider: string): Promise<void> {
    return this.#call('DELETE', `${HOST}/key-servers/${segment(provider)}`);
  }

  // Key providers and attestation

  /** Gives the host a native provider's key derivation key. */
  setNativeProvider(spec: api.NativeProviderSpec): Promise<void> {
    return this.#call('POST', `${TRUSTED}/kms/providers`, spec);
  }

  /** Takes a native provider from the host. */
  removeNativeProvider(provider: string): Promise<void> {
    return this.#call('DELETE', `${TRUSTED}/kms/providers/${segment(provider)}`);
  }

  /** Native and trusted providers that the host knows. */
  listProviders(): Promise<readonly api.HostProvider[]> {
    return this.#call('GET', `${TRUSTED}/kms/providers`);
  }

  /** Replaces the services and providers of the host's trusted infrastructure; reports of before are forgotten. */
  setTrustedServices(spec: api.TrustedServicesSpec): Promise<void> {
    return this.#call('PUT', `${HOST}/trusted-services`, spec);
  }

  /** What is set. */
  trustedServices(): Promise<api.TrustedServicesSpec> {
    return this.#call('GET', `${HOST}/trusted-services`);
  }

  /** Attests now, unless the last report is good for long enough and `force` is false. */
  attest(force = false): Promise<api.AttestationReport> {
    return this.#call('POST', `${HOST}/attestation?action=attest`, { force });
  }

  /** How the host stands with its attestation services. */
  attestationInfo(): Promise<api.AttestationInfo> {
    return this.#call('GET', `${HOST}/attestation`);
  }

  /** The last attestation, whole. @param documents whether with the documents that services gave */
  attestationReport(documents = false): Promise<api.AttestationReport> {
    return this.#call('GET', `${HOST}/attestation/report?documents=${documents}`);
  }

  /**
   * Attests once to the first service that answers, and tells every step, PCR and event.
   *
   * @throws VapiError `UNSUPPORTED` without a TPM, `NOT_ALLOWED_IN_CURRENT_STATE` without an attestation service
   */
  explainAttestation(): Promise<api.AttestationExplanation> {
    return this.#call('POST', `${HOST}/attestation?action=explain`);
  }

  /** Names of the faults that break this host's evidence. @throws VapiError `UNSUPPORTED` without a TPM */
  evidenceFaults(): Promise<readonly string[]> {
    return this.#call('GET', `${HOST}/attestation/faults`);
  }

  /** Names of those that the running boot has, also if they were cleared since. @throws VapiError `UNSUPPORTED` without a TPM */
  bootFaults(): Promise<readonly string[]> {
    return this.#call('GET', `${HOST}/attestation/faults/running-boot`);
  }

  /**
   * Replaces the active faults, with rows of `EVIDENCE_FAULTS` by name. Those of boot, attestation key and TPM take
   * effect at the next reboot, all others with the next attestation.
   */
  setEvidenceFaults(names: readonly string[]): Promise<void> {
    return this.#call('PUT', `${HOST}/attestation/faults`, { names });
  }

  /** EK and EK certificate of the host's TPM. @throws VapiError `UNSUPPORTED` without a TPM */
  tpmEndorsement(): Promise<api.TpmEndorsement> {
    return this.#call('GET', `${HOST}/tpm/endorsement`);
  }

  /** The event log of the last boot, TCG2 bytes. @throws VapiError `UNSUPPORTED` without a TPM */
  async tpmEventLog(): Promise<Buffer> {
    return (await this.#bytes('GET', `${HOST}/tpm/event-log`)).body;
  }

  /** `boot_imgdb.tgz` of the host's image, to be imported by an attestation service. */
  async bootImgdb(): Promise<Buffer> {
    return (await this.#bytes('GET', `${HOST}/boot-imgdb.tgz`)).body;
  }

  // Virtual machines

  /** Makes a powered-off VM with zeroed disks. @throws VimFault */
  createVm(spec: api.CreateVmSpec): Promise<api.VmInfo> {
    return this.#call('POST', `${HOST}/vms`, spec);
  }

  /** Copies a VM from a directory of the host's machine. @throws VimFault */
  importVm(spec: api.ImportVmSpec): Promise<api.VmInfo> {
    return this.#call('POST', `${HOST}/vms?action=import`, spec);
  }

  /** Makes a VM around a copy of a raw image of the host's machine. @throws VimFault */
  createVmFromRaw(spec: api.CreateVmFromRawSpec): Promise<api.VmInfo> {
    return this.#call('POST', `${HOST}/vms?action=create-from-raw`, spec);
  }

  /** All VMs of the host. */
  listVms(): Promise<readonly api.VmInfo[]> {
    return this.#call('GET', `${HOST}/vms`);
  }

  /** One VM. @throws VimFault `ManagedObjectNotFound` */
  vm(id: string): Promise<api.VmInfo> {
    return this.#call('GET', vmPath(id));
  }

  /** Encrypts a powered-off VM. @throws VimFault `EncryptionKeyRequired`, `InvalidPowerState`, `InvalidVmConfig` */
  encryptVm(id: string, spec: api.EncryptVmSpec): Promise<api.VmInfo> {
    return this.#call('POST', `${vmPath(id)}?action=encrypt`, spec);
  }

  /** Decrypts a powered-off VM, or only some of its disks. @throws VimFault as {@link encryptVm} */
  decryptVm(id: string, disks: 'all' | readonly number[] = 'all'): Promise<api.VmInfo> {
    return this.#call('POST', `${vmPath(id)}?action=decrypt`, { disks });
  }

  /** Shallow: new KEK around the same data keys. Deep: new data keys too (powered off). @throws VimFault */
  recryptVm(id: string, spec: api.RecryptVmSpec): Promise<api.VmInfo> {
    return this.#call('POST', `${vmPath(id)}?action=recrypt`, spec);
  }

  /** @throws VimFault `EncryptionKeyRequired` with the keys that are missing, `InvalidPowerState` */
  powerOn(id: string): Promise<api.VmInfo> {
    return this.#call('POST', `${vmPath(id)}?action=power-on`);
  }

  /** Powers off, also a suspended VM; disks and nvram are durable when this resolves. @throws VimFault `InvalidPowerState` */
  powerOff(id: string): Promise<api.VmInfo> {
    return this.#call('POST', `${vmPath(id)}?action=power-off`);
  }

  /** Boots a running VM anew, without asking for its keys again. @throws VimFault `InvalidPowerState` */
  reset(id: string): Promise<api.VmInfo> {
    return this.#call('POST', `${vmPath(id)}?action=reset`);
  }

  /** Saves the memory of a running VM, encrypted if the VM is, and stops it. @throws VimFault `InvalidPowerState` */
  suspend(id: string): Promise<api.VmInfo> {
    return this.#call('POST', `${vmPath(id)}?action=suspend`);
  }

  /** Makes a locked VM usable once its key is there again. @throws VimFault `EncryptionKeyRequired` */
  unlock(id: string): Promise<api.VmInfo> {
    return this.#call('POST', `${vmPath(id)}?action=unlock`);
  }

  /** Removes a powered-off VM with its files. @throws VimFault `InvalidPowerState` */
  destroyVm(id: string): Promise<void> {
    return this.#call('DELETE', vmPath(id));
  }

  /** Sets the encrypted vMotion mode; unencrypted VMs only (MODE-5). @throws VimFault `InvalidVmConfig` */
  setMigrateEncryption(id: string, mode: api.MigrateEncryption): Promise<api.VmInfo> {
    return this.#call('PUT', `${vmPath(id)}/migrate-encryption`, { mode });
  }

  /** A full copy on the same host. @throws VimFault */
  cloneVm(id: string, spec: api.CloneVmSpec): Promise<api.VmInfo> {
    return this.#call('POST', `${vmPath(id)}?action=clone`, spec);
  }

  /** Moves a powered-off VM's files to another datastore of the same host. @throws VimFault */
  relocateVm(id: string, datastore: string): Promise<api.VmInfo> {
    return this.#call('POST', `${vmPath(id)}?action=relocate`, { datastore });
  }

  /** The VM's files at rest. */
  files(id: string): Promise<readonly api.VmFile[]> {
    return this.#call('GET', `${vmPath(id)}/files`);
  }

  /** What the guest of a powered-on VM reads from a disk; offset and length are multiples of 512, at most 1 MiB. */
  async guestRead(id: string, diskKey: number, offset: number, length: number): Promise<Buffer> {
    const path = `${vmPath(id)}/disks/${diskKey}/content?offset=${offset}&length=${length}`;
    return (await this.#bytes('GET', path)).body;
  }

  /** Writes as the guest of a powered-on VM does; the same limits. */
  async guestWrite(id: string, diskKey: number, offset: number, data: Uint8Array): Promise<void> {
    await this.#bytes('PUT', `${vmPath(id)}/disks/${diskKey}/content?offset=${offset}`, data);
  }

  /** SHA-256 of a disk's plaintext, hex; needs the VM powered on. */
  async guestDiskDigest(id: string, diskKey: number): Promise<string> {
    return (await this.#call<api.GuestDigest>('GET', `${vmPath(id)}/disks/${diskKey}/digest`)).sha256;
  }

  /** SHA-256 of the memory of a powered-on VM, hex. */
  async guestMemoryDigest(id: string): Promise<string> {
    return (await this.#call<api.GuestDigest>('GET', `${vmPath(id)}/memory/digest`)).sha256;
  }

  // vMotion

  /** Destination: gets the key, then makes ready to receive. @throws VimFault `EncryptionKeyRequired`, `InvalidState` */
  prepareReceive(spec: api.MigrationSpec, vm: api.IncomingVm): Promise<api.ReceiveReady> {
    return this.#call('POST', `${migrationPath(spec.migrationId)}?action=prepare-receive`, { spec, vm });
  }

  /** Source: sends the VM; resolves when the destination has verified all of it. @throws VimFault */
  startSend(
    spec: api.MigrationSpec,
    destination: { readonly host: string; readonly port: number },
  ): Promise<api.SendResult> {
    const body = { spec, destination: { host: destination.host, port: destination.port } };
    return this.#call('POST', `${migrationPath(spec.migrationId)}?action=start-send`, body);
  }

  /** Destination: the VM becomes this host's, durably; a live one runs on here. Repeating it changes nothing. */
  commitReceive(migrationId: string): Promise<api.VmInfo> {
    return this.#call('POST', `${migrationPath(migrationId)}?action=commit-receive`);
  }

  /** Source: gives the VM up and removes its files (a clone's source keeps it). Repeating it changes nothing. */
  commitSend(migrationId: string): Promise<void> {
    return this.#call('POST', `${migrationPath(migrationId)}?action=commit-send`);
  }

  /** Either side: everything as before the migration. @throws VimFault `InvalidState` once committed */
  abort(migrationId: string): Promise<void> {
    return this.#call('POST', `${migrationPath(migrationId)}?action=abort`);
  }

  /** How far the migration is on this host; without `source` and `destination` where it was never heard of. */
  migrationState(migrationId: string): Promise<api.MigrationState> {
    return this.#call('GET', migrationPath(migrationId));
  }

  async #call<T>(method: Dispatcher.HttpMethod, path: string, body?: unknown): Promise<T> {
    try {
      return (await this.#http.json(method, path, body)) as T;
    } catch (error) {
      throw error instanceof HttpStatusError ? hostErrorOf(error) : error;
    }
  }

  async #bytes(method: Dispatcher.HttpMethod, path: string, body?: Uint8Array): Promise<HttpAnswer> {
    const headers = body && { 'content-type': 'application/octet-stream' };
    const answer = await this.#http.raw(method, path, body, headers);
    if (answer.status < 400) return answer;
    const text = answer.body.toString('utf8');
    throw hostErrorOf(new HttpStatusError(`${method} ${this.baseUrl}${path}`, answer.status, jsonOf(text)));
  }
}

function vmPath(id: string): string {
  return `${HOST}/vms/${segment(id)}`;
}

function migrationPath(id: string): string {
  return `${HOST}/migrations/${segment(id)}`;
}

function segment(text: string): string {
  return encodeURIComponent(text);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function plainKeyJson({ keyId, algorithm, keyData }: api.CryptoKeyPlain): unknown {
  return { _typeName: 'CryptoKeyPlain', keyId: vimKeyId(keyId), algorithm, keyData };
}
