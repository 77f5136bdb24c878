import { createHash } from 'node:crypto';
import { pcrOfModule } from './base-image.js';
import type { BaseImage, ImageFile } from './base-image.js';

/** A release of ESXi that hosts can run (own choice: which ones, and that their files are derived from their names). */
interface Release {
  readonly version: string;
  readonly build: string;
  readonly product: string;
}

const RELEASES = {
  '7.0.3': { version: '7.0.3-0.125.23794027', build: '23794027', product: '7.0.3' },
  '8.0.2': { version: '8.0.2-0.0.22380479', build: '22380479', product: '8.0.2' },
  '8.0.3': { version: '8.0.3-0.0.24022510', build: '24022510', product: '8.0.3' },
} as const satisfies Record<string, Release>;

/** Name of a release with a base image. */
export type EsxRelease = keyof typeof RELEASES;

/** Releases with a base image, oldest first. */
export const ESX_RELEASES = Object.keys(RELEASES) as readonly EsxRelease[];

/** Files of the boot bank in the order in which they are loaded. */
const MODULE_NAMES: readonly string[] = [
  'b.b00',
  'k.b00',
  'uc_intel.b00',
  'uc_amd.b00',
  'uc_hygon.b00',
  'procfs.b00',
  'vmx.v00',
  'vim.v00',
  'tpm.v00',
  'sb.v00',
  's.v00',
  'atlantic.v00',
  'bcm_mpi3.v00',
  'bnxtnet.v00',
  'bnxtroce.v00',
  'brcmfcoe.v00',
  'cndi_igc.v00',
  'dwi2c.v00',
  'elxiscsi.v00',
  'elxnet.v00',
  'i40en.v00',
  'iavmd.v00',
  'icen.v00',
  'igbn.v00',
  'intelgpi.v00',
  'irdman.v00',
  'iser.v00',
  'ixgben.v00',
  'lpfc.v00',
  'lpnic.v00',
  'lsi_mr3.v00',
  'lsi_msgp.v00',
  'lsi_msgp.v01',
  'lsi_msgp.v02',
  'mtip32xx.v00',
  'ne1000.v00',
  'nenic.v00',
  'nfnic.v00',
  'nhpsa.v00',
  'nipmi.v00',
  'nmlx5_co.v00',
  'nmlx5_rd.v00',
  'ntg3.v00',
  'nvme_pci.v00',
  'nvmerdma.v00',
  'nvmetcp.v00',
  'nvmxnet3.v00',
  'nvmxnet3.v01',
  'pvscsi.v00',
  'qcnic.v00',
  'qedentv.v00',
  'qedrntv.v00',
  'qfle3.v00',
  'qfle3f.v00',
  'qfle3i.v00',
  'qflge.v00',
  'rdmahl.v00',
  'rste.v00',
  'sfvmk.v00',
  'smartpqi.v00',
  'vmkata.v00',
  'vmkfcoe.v00',
  'vmkusb.v00',
  'vmw_ahci.v00',
  'bmcal.v00',
  'clusters.v00',
  'crx.v00',
  'drivervm.v00',
  'elx_esx_.v00',
  'btldr.v00',
  'esx_dvfi.v00',
  'esx_ui.v00',
  'esxupdt.v00',
  'tpmesxup.v00',
  'weaselin.v00',
  'esxio_co.v00',
  'infravis.v00',
  'loadesx.v00',
  'lsuv2_hp.v00',
  'lsuv2_in.v00',
  'lsuv2_ls.v00',
  'lsuv2_nv.v00',
  'lsuv2_oe.v00',
  'lsuv2_oe.v01',
  'lsuv2_sm.v00',
  'native_m.v00',
  'qlnative.v00',
  'trx.v00',
  'vcls_pod.v00',
  'vdfs.v00',
  'vds_vsip.v00',
  'vmware_e.v00',
  'hbrsrv.v00',
  'vsan.v00',
  'vsanheal.v00',
  'vsanmgmt.v00',
  'tools.t00',
  'xorg.v00',
  'gc.v00',
  'imgdb.tgz',
  'basemisc.tgz',
  'resvibs.tgz',
  'esxiodpt.tgz',
  'imgpayld.tgz',
];

const OPTION_NAMES: readonly string[] = ['jumpstrt.gz', 'useropts.gz', 'features.gz'];

/** The certificate that signed the modules (P-256, valid for a century; its private key is gone). */
const SIGNER_CERTIFICATE =
  'MIIByjCCAW+gAwIBAgIUe3Y+8NGcYVHOs3qKIKrPQflywVUwCgYIKoZIzj0EAwIwOTEOMAwGA1UECgwFa3BzaW0xJzAlBgNV' +
  'BAMMHmtwc2ltIEVTWGkgc2lnbmluZyBjZXJ0aWZpY2F0ZTAgFw0yNjExMjMyMjMwNDZaGA8yMTI2MTAzMDIyMzA0NlowOTEO' +
  'MAwGA1UECgwFa3BzaW0xJzAlBgNVBAMMHmtwc2ltIEVTWGkgc2lnbmluZyBjZXJ0aWZpY2F0ZTBZMBMGByqGSM49AgEGCCqG' +
  'SM49AwEHA0IABOmqo76y00kbEDQM1vh/c2LHfuhRmYA+d1q8TjrhL9R29Qv9zbgS94spDLG3xPldFRMNj7iXf0tIEvJPvFC6' +
  'ltejUzBRMB0GA1UdDgQWBBS94zlgRyN1W3PduRRAL7jKUa1+VTAfBgNVHSMEGDAWgBS94zlgRyN1W3PduRRAL7jKUa1+VTAP' +
  'BgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQDOBVlpk0sMi0HLXQiv3jibZoFA2aLtfH1DiSgykWqySAIhANIJ' +
  'FAAL3BpQ1s+CUdmFKpD3D6KYcTB+bpxZOisasXA6';

/** The content of a file of a release: some bytes that no other file has. */
function fileOf(release: Release, name: string): ImageFile {
  const content = Buffer.from(`kpsim ESXi ${release.version} ${name}\n`, 'utf8');
  const digest = (algorithm: string): string => createHash(algorithm).update(content).digest('hex');
  return {
    name,
    sha1Hex: digest('sha1'),
    sha256Hex: digest('sha256'),
    sha384Hex: digest('sha384'),
    sha512Hex: digest('sha512'),
  };
}

/**
 * The base image of a release.
 *
 * @param patch a build number of one's own makes another image of the same release
 */
export function presetBaseImage(name: EsxRelease, patch?: string): BaseImage {
  const known: Release = RELEASES[name];
  const release: Release =
    patch === undefined ? known : { ...known, build: patch, version: known.version.replace(/[^.]*$/, patch) };
  const version = `${release.product} build-${release.build}`;
  return {
    version: release.version,
    displayName: `VMware ESXi ${version}`,
    modules: MODULE_NAMES.map((module) => ({ ...fileOf(release, module), pcr: pcrOfModule(module) })),
    versionRecords: [
      { componentName: 'vmkBoot', productName: 'VMware ESXi', productVersion: version, fileName: '/b.b00' },
      { componentName: 'vmkernel', productName: 'VMware ESXi', productVersion: version, fileName: '/k.b00' },
    ],
    bootOptions: OPTION_NAMES.map((option) => fileOf(release, option)),
    signerCertificates: [SIGNER_CERTIFICATE],
  };
}
