import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { clientCertificateFor } from '../../lab/client-certificate.js';
import { encryptVm } from '../../lab/configure/vms.js';
import type { Lab, LabVcenter } from '../../lab/index.js';
import { startLab, topologyOf } from '../../lab/index.js';
import { parseEventLog, replayEventLog } from '../../wire/tpm2/index.js';
import { describeWith, runs } from './requires.js';

/*
 * Judge: VMware's own Python client. Its bindings hold every service, operation, structure and member that is spoken
 * here, and refuse answers that lack one or have one of another type.
 */

const python = process.env.KPSIM_PYTHON ?? 'python3';
const client = {
  name: 'vmware-vcenter',
  found: runs(
    python,
    '-c',
    'import com.vmware.vcenter.trusted_infrastructure_client, vmware.vapi.vsphere.client',
  ),
  install: 'pip install vmware-vcenter==8.0.3.0 (KPSIM_PYTHON names the interpreter)',
};

const PROVIDER = 'tkp-1';

/** Two vCenters, a Trust Authority that nobody has configured, and a host that attests to nobody yet. */
const TOPOLOGY = topologyOf({
  keyServers: [{ name: 'kms-1' }],
  trustAuthorities: [{ name: 'ta-1' }],
  vcenters: [
    { name: 'vc-ta', version: '8.0.2', clusters: [{ name: 'authority', trustAuthorityServices: ['ta-1'] }] },
    {
      name: 'vc-work',
      version: '8.0.2',
      clusters: [{ name: 'work', hosts: [{ name: 'esx-1', tpm: true }] }],
    },
  ],
  vms: [{ name: 'secret', host: 'esx-1', disks: [{ sizeMiB: 1 }] }],
});

describeWith(client, "VMware's Python client", () => {
  let lab: Lab;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kpsim-vmware-vcenter-'));
    lab = await startLab(TOPOLOGY);
  });
  afterAll(async () => {
    await lab.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('configures a Trust Authority from nothing, up to an attested host that powers on a VM of its provider', async () => {
    const [authority, workload] = [lab.vcenter('vc-ta'), lab.vcenter('vc-work')];
    const host = await lab.host('esx-1').client();
    expect((await host.attestationInfo()).status).not.toBe('attested');
    const imgdb = join(folder, 'boot_imgdb.tgz');
    await writeFile(imgdb, await host.bootImgdb());
    const keyServer = lab.keyServer('kms-1');
    const administrator = await keyServer.client();
    const primaryKey = await administrator.create({ name: 'primary key' });
    await administrator.activate(primaryKey);

    const found = await configure(lab, {
      ca_file: join(lab.dataDir, 'pki', 'ca.pem'),
      authority: loginOf(authority),
      workload: loginOf(workload),
      ta_cluster: await idOf(authority, 'host/authority'),
      trusted_cluster: await idOf(workload, 'host/work'),
      host: (await workload.host('esx-1')).value,
      imgdb,
      tpm_maker: (await host.tpmEndorsement()).issuersPem,
      provider: PROVIDER,
      primary_key: primaryKey,
      key_server: { hostname: keyServer.endpoint.host, port: keyServer.endpoint.port },
    });
    const log = parseEventLog(await host.tpmEventLog());
    expect(found).toEqual({
      before: 'DISABLE',
      refused_before: 'NOT_ALLOWED_IN_CURRENT_STATE',
      after: 'ENABLE',
      settings: [false, true],
      authorities: ['maker'],
      authority_again: 'ALREADY_EXISTS',
      imported: expect.stringMatching(/^8\.0\.\d/) as string,
      images: [found.imported],
      image: expect.stringContaining('ESXi') as string,
      peers: [['kms-1', false]],
      peers_trusted: 1,
      provider: { health: 'OK', servers: [['kms-1', true, true]], description: 'key server of the lab' },
      kms_status: 'OK',
      attestation_status: 'OK',
      principal: ['OK', true, true],
      profiles: 1,
      attestation_used: true,
      attestation_in_use: 'RESOURCE_BUSY',
      attestation_applied: ['OK', true, [], 0],
      attestation_list: ['OK'],
      kms_used: true,
      kms_in_use: 'RESOURCE_BUSY',
      kms_applied: ['OK', true, [], 0],
      kms_list: ['OK'],
      applied: 'OK',
      deleted: 'ERROR',
      remediated: 'OK',
      tpm: {
        version: [2, 0],
        banks: ['SHA256', 'SHA384'],
        pcr7: replayEventLog(log, 'SHA256').get(7)?.toString('hex'),
        key_type: 'RSA_2048',
        certificate: true,
        log_bytes: (await host.tpmEventLog()).length,
        log_truncated: false,
      },
      tasks: [true, ['SUCCEEDED']],
      session: 'administrator@vsphere.local',
    });

    const vcenter = await workload.client();
    await vcenter.invoke('CryptoManagerKmip', 'CryptoManager', 'RegisterKmsCluster', {
      clusterId: { _typeName: 'KeyProviderId', id: PROVIDER },
      managementType: 'trustAuthority',
    });
    expect((await host.attest(true)).info).toMatchObject({
      status: 'attested',
      serviceId: lab.trustAuthority('ta-1').attestationEndpoint.url,
    });
    const vm = await idOf(workload, 'vm/secret');
    await encryptVm(workload, vm, PROVIDER);
    await vcenter.run('VirtualMachine', vm, 'PowerOnVM_Task', {});
    const [secret] = await host.listVms();
    expect(secret).toMatchObject({
      name: 'secret',
      powerState: 'poweredOn',
      keyId: { providerId: { id: PROVIDER } },
    });
  }, 120_000);
});

function loginOf(vcenter: LabVcenter): Record<string, string> {
  const { userName, password } = vcenter.credential();
  return { server: new URL(vcenter.endpoint.url).host, user: userName, password };
}

async function idOf(vcenter: LabVcenter, path: string): Promise<string> {
  const found = await vcenter.find(`${vcenter.datacenterName}/${path}`);
  if (!found) throw new Error(`${vcenter.name} has no ${path}`);
  return found.value;
}

/** Runs the script: it gets its task, asks for a certificate for a CSR on its way, and tells what it has found. */
function configure(lab: Lab, given: Record<string, unknown>): Promise<Record<string, unknown>> {
  const script = spawn(python, [join(import.meta.dirname, 'vmware-vcenter.py')]);
  let problems = '';
  script.stderr.on('data', (text: Buffer) => (problems += text.toString()));
  script.stdin.write(`${JSON.stringify(given)}\n`);
  return new Promise((resolve, reject) => {
    let found: Record<string, unknown> | undefined;
    createInterface(script.stdout).on('line', (line) => {
      const told = JSON.parse(line) as { csr?: string; found?: Record<string, unknown> };
      if (told.found) found = told.found;
      if (told.csr === undefined) return;
      clientCertificateFor(lab.certificates.authority, told.csr, 'ta-1').then(
        (certificate) => script.stdin.write(`${JSON.stringify({ certificate })}\n`),
        reject,
      );
    });
    script.on('error', reject);
    script.on('close', () => {
      if (found) resolve(found);
      else reject(new Error(problems));
    });
  });
}
