import * as z from 'zod';

/** PCRs that the ESXi boot loader measures files into (open sources of the ESXi boot loader). */
export const ESXI_PCR = {
  /** The updater. */
  update: 11,
  /** Kernel and core modules. */
  core: 12,
  /** Other modules and version records. */
  modules: 13,
  /** Options, command line, signers, asset tag. */
  options: 14,
} as const satisfies Record<string, number>;

/** A file that the boot loader measures. */
export interface ImageFile {
  /** Base name, for example `k.b00`. */
  readonly name: string;
  readonly sha1Hex: string;
  readonly sha256Hex: string;
  readonly sha384Hex: string;
  readonly sha512Hex: string;
}

/** A boot module and the PCR that it is measured into. */
export interface ImageModule extends ImageFile {
  readonly pcr: 11 | 12 | 13;
}

/** What a core module says about its version. */
export interface ImageVersionRecord {
  readonly componentName: string;
  readonly productName: string;
  readonly productVersion: string;
  /** Path of the module that says it, for example `/k.b00`. */
  readonly fileName: string;
}

/** What an attestation service must know of an ESXi release to judge the log of a host that runs it. */
export interface BaseImage {
  /** For example `8.0.3-0.0.24022510`. */
  readonly version: string;
  /** For example `VMware ESXi 8.0.3 build-24022510`. */
  readonly displayName: string;
  /** In the order in which they are loaded. */
  readonly modules: readonly ImageModule[];
  readonly versionRecords: readonly ImageVersionRecord[];
  /** Option files (`*.gz`), measured into PCR 14. */
  readonly bootOptions: readonly ImageFile[];
  /** Certificates (DER, base64) that signed the modules, measured into PCR 14. */
  readonly signerCertificates: readonly string[];
}

/** Banks for which an image has digests. */
export type ImageBank = 'SHA1' | 'SHA256' | 'SHA384' | 'SHA512';

/** The digest of a file in a bank. */
export function fileDigest(file: ImageFile, bank: ImageBank): Buffer {
  const { sha1Hex, sha256Hex, sha384Hex, sha512Hex } = file;
  return Buffer.from({ SHA1: sha1Hex, SHA256: sha256Hex, SHA384: sha384Hex, SHA512: sha512Hex }[bank], 'hex');
}

const CORE_MODULES: readonly string[] = ['b', 'k', 's', 'sb'];

/** Into which PCR a module with this base name is measured; the extension of core modules does not matter. */
export function pcrOfModule(name: string): ImageModule['pcr'] {
  const dot = name.lastIndexOf('.');
  const stem = dot === -1 ? name : name.slice(0, dot);
  if (stem === 'esxupdt') return ESXI_PCR.update;
  return CORE_MODULES.includes(stem) ? ESXI_PCR.core : ESXI_PCR.modules;
}

const hex = (bytes: number): z.ZodString => z.string().regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`));
const text = z.string().min(1).max(256);
const file = {
  name: z.string().regex(/^[A-Za-z0-9._-]{1,64}$/),
  sha1Hex: hex(20),
  sha256Hex: hex(32),
  sha384Hex: hex(48),
  sha512Hex: hex(64),
};

/** Strict form of a base image; what comes from outside is checked with it. */
export const baseImageSchema = z.strictObject({
  version: z.string().regex(/^[0-9A-Za-z._-]{1,64}$/),
  displayName: text,
  modules: z
    .array(z.strictObject({ ...file, pcr: z.union([z.literal(11), z.literal(12), z.literal(13)]) }))
    .min(1)
    .max(1000),
  versionRecords: z
    .array(z.strictObject({ componentName: text, productName: text, productVersion: text, fileName: text }))
    .max(16),
  bootOptions: z.array(z.strictObject(file)).max(64),
  signerCertificates: z.array(z.base64().max(8192)).max(16),
}) satisfies z.ZodType<BaseImage>;
