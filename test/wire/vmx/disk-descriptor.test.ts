import { describe, expect, it } from 'vitest';
import {
  diskSectors,
  isPlainFileName,
  parseDiskDescriptor,
  VmFormatError,
  writeDiskDescriptor,
} from '../../../wire/vmx/index.js';
import { fc } from '../../property.js';

const DESCRIPTOR = `# Disk DescriptorFile
version=1
encoding="UTF-8"
CID=fffffffe
parentCID=ffffffff
isNativeSnapshot="no"
createType="vmfs"

# Extent description
RW 2048 VMFS "app-flat.vmdk"

# The Disk Data Base
#DDB

ddb.adapterType = "lsilogic"
ddb.uuid = "60 00 C2 9a"
`;

const change = (from: string | RegExp, to: string): Buffer => Buffer.from(DESCRIPTOR.replace(from, to));

describe('disk descriptors', () => {
  it('are read with their extents and disk database', () => {
    const descriptor = parseDiskDescriptor(Buffer.from(DESCRIPTOR));
    expect(descriptor).toMatchObject({
      createType: 'vmfs',
      cid: 'fffffffe',
      extents: [{ access: 'RW', sectors: 2048, type: 'VMFS', fileName: 'app-flat.vmdk', offsetSectors: 0 }],
    });
    expect(descriptor.ddb.get('uuid')).toBe('60 00 C2 9a');
    expect(descriptor.otherHeader.get('isNativeSnapshot')).toBe('"no"');
  });

  it('are written so that reading gives the same again, keys of an encrypted disk included', () => {
    const encrypted = {
      ...parseDiskDescriptor(Buffer.from(DESCRIPTOR)),
      encryptionKeys: 'vmware:key/list/(pair/(fqid/<VMWARE-NULL>/p/k,HMAC%2dSHA%2d256,YQ%3d%3d))',
      keyId: 'vmware:key/fqid/<VMWARE-NULL>/p/k',
    };
    expect(parseDiskDescriptor(writeDiskDescriptor(encrypted))).toEqual(encrypted);
  });

  it('may be filled up with zeros, as qemu-img does', () => {
    const padded = Buffer.concat([Buffer.from(DESCRIPTOR), Buffer.alloc(512)]);
    expect(parseDiskDescriptor(padded)).toEqual(parseDiskDescriptor(Buffer.from(DESCRIPTOR)));
  });

  it('may have several extents, of which some are holes', () => {
    const text = change(
      'RW 2048 VMFS "app-flat.vmdk"',
      'RW 4192256 FLAT "a-f001.vmdk" 0\nRW 100 ZERO\nRW 8 FLAT "a-f002.vmdk" 16',
    );
    const descriptor = parseDiskDescriptor(
      Buffer.from(text.toString().replace('"vmfs"', '"twoGbMaxExtentFlat"')),
    );
    expect(diskSectors(descriptor)).toBe(4192256 + 100 + 8);
    expect(descriptor.extents[2]).toMatchObject({ fileName: 'a-f002.vmdk', offsetSectors: 16 });
  });

  it.each([
    ['a path upwards', change('app-flat', '../app-flat'), /line 10.*plain file name/],
    ['an absolute path', change('app-flat', '/etc/app-flat'), /plain file name/],
    ['a path of Windows', change('app-flat', 'c:\\\\app-flat'), /plain file name/],
    ['a sparse type', change('"vmfs"', '"monolithicSparse"'), /not flat/],
    ['a sparse extent', change('VMFS', 'SPARSE'), /line 10.*monolithicFlat/],
    ['a sparse file', Buffer.from('KDMV\u0001\0\0\0'), /qemu-img convert/],
    ['a snapshot', change('parentCID=ffffffff', 'parentCID=12345678'), /consolidate/],
    ['no sectors', change('2048', '0'), /extents of 1 to/],
    ['too many sectors', change('2048', '999999999999999'), /extents of 1 to/],
    ['no first line', change('# Disk DescriptorFile', '#'), /line 1/],
    ['a field twice', change('CID=fffffffe', 'CID=fffffffe\nCID=1'), /line 5.*twice/],
    ['an unknown version', change('version=1', 'version=7'), /version=1/],
    ['a broken line', change('isNativeSnapshot="no"', 'what is this'), /line 6/],
    ['an extent without file', change(' "app-flat.vmdk"', ''), /line 10.*ZERO/],
  ])('are refused for %s', (_what, bytes, message) => {
    expect(() => parseDiskDescriptor(bytes)).toThrow(message);
  });

  it('answer any text with a descriptor or a VmFormatError', () => {
    const mangled = fc.tuple(fc.nat(DESCRIPTOR.length), fc.nat(20), fc.string()).map(([at, cut, text]) => {
      return DESCRIPTOR.slice(0, at) + text + DESCRIPTOR.slice(at + cut);
    });
    fc.assert(
      fc.property(mangled, (text) => {
        try {
          const descriptor = parseDiskDescriptor(Buffer.from(text));
          expect(
            descriptor.extents.every(({ fileName }) => fileName === undefined || isPlainFileName(fileName)),
          ).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(VmFormatError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
