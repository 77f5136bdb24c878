import { VmFormatError } from './errors.js';
import { decodeText, encodeText, knownEncoding } from './text-encoding.js';

/** Bytes of a sector in descriptors and extents. */
export const SECTOR_BYTES = 512;

/** Largest descriptor accepted, in bytes (own choice; a 62 TB disk in 2 GB extents needs less). */
export const DISK_DESCRIPTOR_MAX_BYTES = 2 * 1024 * 1024;

/** Largest disk, in sectors: 62 TB, vSphere's own maximum. */
export const DISK_MAX_SECTORS = (62 * 1024 ** 4) / SECTOR_BYTES;

const MAX_LINES = 40_000;
const FIRST_LINE = '# Disk DescriptorFile';

/** Kinds of disks whose extents are flat files. */
export const CREATE_TYPES = ['vmfs', 'monolithicFlat', 'twoGbMaxExtentFlat'] as const;

/** `createType` of a descriptor. */
export type CreateType = (typeof CREATE_TYPES)[number];

/** One extent line: `RW <sectors> VMFS "<file>"` or `RW <sectors> FLAT "<file>" <offset>`. */
export interface DiskExtent {
  access: 'RW' | 'RDONLY' | 'NOACCESS';
  sectors: number;
  type: 'VMFS' | 'FLAT' | 'ZERO';
  /** A plain file name beside the descriptor; none for `ZERO`. */
  fileName?: string;
  /** Where the extent starts in its file. */
  offsetSectors: number;
}

/** A disk descriptor: the text file `x.vmdk` beside the data file `x-flat.vmdk`. */
export interface DiskDescriptor {
  createType: CreateType;
  /** As the `encoding` line names it, lower case. */
  encoding: string;
  /** Content id, 8 hex digits. */
  cid: string;
  parentCid: string;
  extents: readonly DiskExtent[];
  /** `encryptionKeys`: a bundle that holds the disk's data encryption key. */
  encryptionKeys?: string;
  /** `keyID`: the locator of the key encryption key (its form is an own choice). */
  keyId?: string;
  /** Header lines that have no field of their own, such as `isNativeSnapshot`. */
  otherHeader: ReadonlyMap<string, string>;
  /** The disk database: `ddb.*` entries without the `ddb.` prefix. */
  ddb: ReadonlyMap<string, string>;
}

/** Sum of the extents, in sectors. */
export function diskSectors(descriptor: DiskDescriptor): number {
  return descriptor.extents.reduce((sum, { sectors }) => sum + sectors, 0);
}

/** Whether a name is a file's plain name: no folder, no escape from its folder, at most 255 bytes. */
export function isPlainFileName(name: string): boolean {
  // eslint-disable-next-line no-control-regex -- control characters are exactly what must be refused
  const plain = /^[^/\\\u0000-\u001f\u007f"]+$/.test(name);
  return plain && name !== '.' && name !== '..' && Buffer.byteLength(name) <= 255;
}

/**
 * Reads a descriptor.
 * @throws {VmFormatError} `disk_descriptor_invalid` naming the line; for a sparse disk it says how to convert it
 */
export function parseDiskDescriptor(bytes: Buffer): DiskDescriptor {
  if (bytes.subarray(0, 4).toString('latin1') === 'KDMV') {
    throw invalid(
      'this is a sparse disk; convert it with: qemu-img convert -O vmdk -o subformat=monolithicFlat <file> <new file>',
    );
  }
  if (bytes.length > DISK_DESCRIPTOR_MAX_BYTES) {
    throw invalid(`a disk descriptor may have at most ${DISK_DESCRIPTOR_MAX_BYTES} bytes`);
  }
  // Some tools fill the descriptor's last sector with zeros.
  const end = bytes.indexOf(0);
  const text = end < 0 ? bytes : bytes.subarray(0, end);
  const encoding = declaredEncoding(text);
  const lines = decodeText(text, encoding, 'disk_descriptor_invalid').split('\n', MAX_LINES + 1);
  if (lines.length > MAX_LINES) throw invalid(`a disk descriptor may have at most ${MAX_LINES} lines`);
  if (lines[0]?.trim().toLowerCase() !== FIRST_LINE.toLowerCase()) {
    throw invalid(`a disk descriptor starts with ${JSON.stringify(FIRST_LINE)}`, 1);
  }

  const header = new Map<string, string>();
  const ddb = new Map<string, string>();
  const extents: DiskExtent[] = [];
  for (const [index, raw] of lines.entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    if (/^(RW|RDONLY|NOACCESS)\s/.test(line)) extents.push(parseExtent(line, index + 1));
    else readEntry(line, index + 1, header, ddb);
  }
  return assemble(header, ddb, extents, encoding);
}

/** A descriptor as the bytes of its file. */
export function writeDiskDescriptor(descriptor: DiskDescriptor): Buffer {
  const header: [string, string | undefined][] = [
    ['CID', descriptor.cid],
    ['parentCID', descriptor.parentCid],
    ...descriptor.otherHeader,
    ['createType', `"${descriptor.createType}"`],
    ['encryptionKeys', quoted(descriptor.encryptionKeys)],
    ['keyID', quoted(descriptor.keyId)],
  ];
  const lines = [
    FIRST_LINE,
    'version=1',
    `encoding="${descriptor.encoding === 'utf-8' ? 'UTF-8' : descriptor.encoding}"`,
    ...header.flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`])),
    '',
    '# Extent description',
    ...descriptor.extents.map(writeExtent),
    '',
    '# The Disk Data Base',
    '#DDB',
    '',
    ...Array.from(descriptor.ddb, ([name, value]) => `ddb.${name} = "${value}"`),
    '',
  ];
  return encodeText(lines.join('\n'), descriptor.encoding, 'disk_descriptor_invalid');
}

function quoted(value: string | undefined): string | undefined {
  return value === undefined ? undefined : `"${value}"`;
}

function declaredEncoding(bytes: Buffer): string {
  const match = /^\s*encoding\s*=\s*"?([^"\r\n]*)"?/im.exec(bytes.subarray(0, 4096).toString('latin1'));
  return match?.[1] === undefined ? 'utf-8' : knownEncoding(match[1].trim(), 'disk_descriptor_invalid');
}

function readEntry(
  line: string,
  number: number,
  header: Map<string, string>,
  ddb: Map<string, string>,
): void {
  const match = /^([A-Za-z][A-Za-z0-9_.-]{0,63})\s*=\s*(?:"([^"]*)"|([^"\s]*))$/.exec(line);
  const name = match?.[1];
  if (match === null || name === undefined) {
    throw invalid('expected name=value, an extent line or a comment', number);
  }
  const isDdb = name.startsWith('ddb.');
  const [section, key] = isDdb ? [ddb, name.slice('ddb.'.length)] : [header, name];
  if (section.has(key)) throw invalid(`${name} is defined twice`, number);
  // Unknown header lines are written back as they stand, quotes included; all others by their value.
  const known = isDdb || HEADER_FIELDS.has(key);
  section.set(key, known ? (match[2] ?? match[3] ?? '') : line.slice(line.indexOf('=') + 1).trim());
}

const HEADER_FIELDS: ReadonlySet<string> = new Set([
  'version',
  'encoding',
  'CID',
  'parentCID',
  'createType',
  'encryptionKeys',
  'keyID',
]);

function parseExtent(line: string, number: number): DiskExtent {
  const match =
    /^(RW|RDONLY|NOACCESS)\s+(\d{1,15})\s+([A-Z0-9]{1,20})(?:\s+"([^"]*)")?(?:\s+(\d{1,15}))?$/.exec(line);
  if (!match) throw invalid('expected an extent such as RW 2048 VMFS "disk-flat.vmdk"', number);
  const [, access = '', sectors, type = '', fileName, offset = '0'] = match;
  if (type !== 'VMFS' && type !== 'FLAT' && type !== 'ZERO') {
    throw invalid(`extents of type ${type} are not flat; convert the disk to monolithicFlat`, number);
  }
  if ((fileName === undefined) !== (type === 'ZERO')) throw invalid('only a ZERO extent has no file', number);
  if (fileName !== undefined && !isPlainFileName(fileName)) {
    throw invalid('the file of an extent must lie beside its descriptor: give a plain file name', number);
  }
  return {
    access: access as DiskExtent['access'],
    sectors: Number(sectors),
    type,
    ...(fileName === undefined ? {} : { fileName }),
    offsetSectors: Number(offset),
  };
}

function writeExtent({ access, sectors, type, fileName, offsetSectors }: DiskExtent): string {
  const file = fileName === undefined ? '' : ` "${fileName}"`;
  return `${access} ${sectors} ${type}${file}${type === 'FLAT' ? ` ${offsetSectors}` : ''}`;
}

function assemble(
  header: Map<string, string>,
  ddb: Map<string, string>,
  extents: DiskExtent[],
  encoding: string,
): DiskDescriptor {
  const field = (name: string): string | undefined => header.get(name);
  if (field('version') !== '1') throw invalid('only version=1 of the descriptor is known');
  const createType = CREATE_TYPES.find((type) => type === field('createType'));
  if (createType === undefined) {
    throw invalid(
      `createType ${JSON.stringify((field('createType') ?? '').slice(0, 40))} is not flat; use one of ${CREATE_TYPES.join(', ')}`,
    );
  }
  const [cid, parentCid] = [field('CID') ?? '', field('parentCID') ?? ''].map((text) => text.toLowerCase());
  if (cid === undefined || parentCid === undefined || !/^[0-9a-f]{1,8}$/.test(cid))
    throw invalid('CID has 8 hex digits');
  if (parentCid !== 'ffffffff')
    throw invalid('this disk depends on a parent; consolidate its snapshots first');
  const sectors = extents.reduce((sum, extent) => sum + extent.sectors, 0);
  if (extents.length === 0 || sectors === 0 || sectors > DISK_MAX_SECTORS) {
    throw invalid(`a disk has extents of 1 to ${DISK_MAX_SECTORS} sectors in all`);
  }
  const [encryptionKeys, keyId] = [field('encryptionKeys'), field('keyID')];
  return {
    createType,
    encoding,
    cid: cid.padStart(8, '0'),
    parentCid,
    extents,
    ...(encryptionKeys === undefined ? {} : { encryptionKeys }),
    ...(keyId === undefined ? {} : { keyId }),
    otherHeader: new Map([...header].filter(([name]) => !HEADER_FIELDS.has(name))),
    ddb,
  };
}

function invalid(message: string, line?: number): VmFormatError {
  return new VmFormatError('disk_descriptor_invalid', message, line);
}
