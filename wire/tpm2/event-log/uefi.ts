import { EventLogError } from '../errors.js';
import { LogReader } from './log-reader.js';

/** UEFI_VARIABLE_DATA: a variable as it is measured (PC Client PFP §10.2.6). */
export interface UefiVariable {
  /** GUID of the vendor, lower case with dashes. */
  readonly vendorGuid: string;
  readonly name: string;
  readonly data: Buffer;
}

/** GUID of the global variables SecureBoot, PK and KEK (UEFI 2.10 §3.3). */
export const EFI_GLOBAL_VARIABLE_GUID = '8be4df61-93ca-11d2-aa0d-00e098032b8c';

/** GUID of the variables db and dbx (UEFI 2.10 §32.6.1). */
export const EFI_IMAGE_SECURITY_DATABASE_GUID = 'd719b2cb-3d3a-4596-a3bc-dad00e67656f';

/** GUID of a list of X.509 certificates in a signature database (UEFI 2.10 §32.4.1). */
export const EFI_CERT_X509_GUID = 'a5c059a1-94e4-4aa7-87b5-ab155c2bf072';

/** GUID of a list of SHA-256 digests in a signature database (UEFI 2.10 §32.4.1). */
export const EFI_CERT_SHA256_GUID = 'c1c41626-504c-4092-aca9-41f936934328';

const GUID_BYTES = 16;

/** The 16 bytes of a GUID: its first three fields little-endian (UEFI 2.10 appendix A). */
export function encodeGuid(guid: string): Buffer {
  const bytes = Buffer.from(guid.replaceAll('-', ''), 'hex');
  bytes.subarray(0, 4).reverse();
  bytes.subarray(4, 6).reverse();
  bytes.subarray(6, 8).reverse();
  return bytes;
}

/** A GUID as text, lower case with dashes. */
export function decodeGuid(bytes: Buffer): string {
  const copy = Buffer.from(bytes);
  copy.subarray(0, 4).reverse();
  copy.subarray(4, 6).reverse();
  copy.subarray(6, 8).reverse();
  const hex = copy.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** The bytes of a UEFI_VARIABLE_DATA. */
export function encodeUefiVariable(variable: UefiVariable): Buffer {
  const lengths = Buffer.alloc(16);
  lengths.writeBigUInt64LE(BigInt(variable.name.length), 0);
  lengths.writeBigUInt64LE(BigInt(variable.data.length), 8);
  return Buffer.concat([
    encodeGuid(variable.vendorGuid),
    lengths,
    Buffer.from(variable.name, 'utf16le'),
    variable.data,
  ]);
}

/** Reads a UEFI_VARIABLE_DATA. @throws EventLogError if a length is hostile or bytes are left over */
export function decodeUefiVariable(bytes: Buffer): UefiVariable {
  const reader = new LogReader(bytes, 'UEFI_VARIABLE_DATA');
  const vendorGuid = decodeGuid(reader.bytes(GUID_BYTES, 'vendor GUID'));
  const nameUnits = reader.length64('length of the name', 2);
  const dataBytes = reader.length64('length of the data');
  const name = reader.bytes(nameUnits * 2, 'name').toString('utf16le');
  const data = reader.bytes(dataBytes, 'data');
  reader.end();
  return { vendorGuid, name, data };
}

/**
 * One EFI_SIGNATURE_LIST with entries of equal length (UEFI 2.10 §32.4.1).
 *
 * @param typeGuid what the entries are, for example `EFI_CERT_X509_GUID`
 * @param ownerGuid who put them in
 */
export function encodeSignatureList(typeGuid: string, ownerGuid: string, entries: readonly Buffer[]): Buffer {
  const entryBytes = GUID_BYTES + (entries[0]?.length ?? 0);
  if (entries.some((entry) => entry.length + GUID_BYTES !== entryBytes)) {
    throw new EventLogError(
      'the entries of a signature list must have the same length; make a list for each',
    );
  }
  const header = Buffer.alloc(12);
  header.writeUInt32LE(GUID_BYTES + header.length + entries.length * entryBytes, 0);
  header.writeUInt32LE(entryBytes, 8);
  const owner = encodeGuid(ownerGuid);
  return Buffer.concat([encodeGuid(typeGuid), header, ...entries.flatMap((entry) => [owner, entry])]);
}
