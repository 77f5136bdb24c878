import { VmotionError } from './errors.js';

/** Largest manifest, in bytes. */
export const MANIFEST_MAX_BYTES = 256 * 1024;

/** One file that the stream carries. */
export interface ManifestFile {
  /** Plain file name. */
  name: string;
  sizeBytes: number;
}

/** One disk that the stream carries. */
export interface ManifestDisk {
  descriptor: ManifestFile;
  data: ManifestFile;
}

/** What a stream is going to carry: its first frame. */
export interface Manifest {
  /** Instance UUID of the VM. */
  vmId: string;
  config: ManifestFile;
  nvram?: ManifestFile;
  suspendState?: ManifestFile;
  disks: readonly ManifestDisk[];
  /** Bytes of guest memory; 0 unless the VM moves while it runs. */
  memoryBytes: number;
}

/** A manifest as JSON. */
export function encodeManifest(manifest: Manifest): Buffer {
  return Buffer.from(JSON.stringify(manifest), 'utf8');
}

/** Reads a manifest. Whether its names and sizes are acceptable is the receiver's to judge. @throws {VmotionError} `stream_invalid` */
export function decodeManifest(bytes: Buffer): Manifest {
  let value: unknown;
  try {
    value = bytes.length <= MANIFEST_MAX_BYTES ? JSON.parse(bytes.toString('utf8')) : undefined;
  } catch {
    value = undefined;
  }
  if (!isManifest(value))
    throw new VmotionError('stream_invalid', 'the stream does not start with a manifest');
  return value;
}

function isManifest(value: unknown): value is Manifest {
  if (!isRecord(value)) return false;
  const { vmId, config, nvram, suspendState, disks, memoryBytes, ...rest } = value;
  return (
    Object.keys(rest).length === 0 &&
    typeof vmId === 'string' &&
    isFile(config) &&
    (nvram === undefined || isFile(nvram)) &&
    (suspendState === undefined || isFile(suspendState)) &&
    isSize(memoryBytes) &&
    Array.isArray(disks) &&
    disks.length <= 0xffff &&
    disks.every((disk: unknown) => isRecord(disk) && isFile(disk.descriptor) && isFile(disk.data))
  );
}

function isFile(value: unknown): value is ManifestFile {
  return isRecord(value) && typeof value.name === 'string' && isSize(value.sizeBytes);
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
