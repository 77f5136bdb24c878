import { createHash } from 'node:crypto';
import {
  EFI_CERT_SHA256_GUID,
  EFI_CERT_X509_GUID,
  EFI_GLOBAL_VARIABLE_GUID,
  EFI_IMAGE_SECURITY_DATABASE_GUID,
  encodeGuid,
  encodeSignatureList,
} from '../../wire/tpm2/index.js';
import type { UefiVariable } from '../../wire/tpm2/index.js';
import {
  KEY_EXCHANGE_KEY_CERTIFICATE,
  PLATFORM_KEY_CERTIFICATE,
  UEFI_SIGNING_CERTIFICATE,
} from './firmware-certificates.js';

/** Secure Boot as the firmware has it set up. */
export interface SecureBootPolicy {
  readonly enabled: boolean;
  /** Certificates, DER. */
  readonly platformKey: Buffer;
  readonly keyExchangeKeys: readonly Buffer[];
  /** Certificates in `db`, DER; the first is that of the boot loader. */
  readonly allowed: readonly Buffer[];
  /** SHA-256 digests in `dbx`. */
  readonly forbiddenSha256: readonly Buffer[];
}

/** Who put entries into the databases (own choice). */
const OWNER_GUID = '6b707369-6d2d-4b50-8349-4d000000e5e1';

/** Secure Boot switched on, with the simulator's own certificates. */
export const DEFAULT_SECURE_BOOT: SecureBootPolicy = {
  enabled: true,
  platformKey: PLATFORM_KEY_CERTIFICATE,
  keyExchangeKeys: [KEY_EXCHANGE_KEY_CERTIFICATE],
  allowed: [UEFI_SIGNING_CERTIFICATE],
  forbiddenSha256: [createHash('sha256').update('kpsim revoked boot loader').digest()],
};

function certificateLists(certificates: readonly Buffer[]): Buffer {
  return Buffer.concat(
    certificates.map((certificate) => encodeSignatureList(EFI_CERT_X509_GUID, OWNER_GUID, [certificate])),
  );
}

/** The variables in the order in which firmware measures them (PC Client PFP §3.3.4.8). */
export function secureBootVariables(policy: SecureBootPolicy): UefiVariable[] {
  const global = (name: string, data: Buffer): UefiVariable => ({
    vendorGuid: EFI_GLOBAL_VARIABLE_GUID,
    name,
    data,
  });
  const database = (name: string, data: Buffer): UefiVariable => ({
    vendorGuid: EFI_IMAGE_SECURITY_DATABASE_GUID,
    name,
    data,
  });
  return [
    global('SecureBoot', Buffer.from([policy.enabled ? 1 : 0])),
    global('PK', certificateLists([policy.platformKey])),
    global('KEK', certificateLists(policy.keyExchangeKeys)),
    database('db', certificateLists(policy.allowed)),
    database('dbx', encodeSignatureList(EFI_CERT_SHA256_GUID, OWNER_GUID, policy.forbiddenSha256)),
  ];
}

/** The entry of `db` that the boot loader was verified with: EFI_SIGNATURE_DATA; undefined if `db` is empty. */
export function bootLoaderAuthority(policy: SecureBootPolicy): UefiVariable | undefined {
  const [authority] = policy.allowed;
  if (authority === undefined) return undefined;
  return {
    vendorGuid: EFI_IMAGE_SECURITY_DATABASE_GUID,
    name: 'db',
    data: Buffer.concat([encodeGuid(OWNER_GUID), authority]),
  };
}
