import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';

import type { HostAgentClient, VmInfo } from '../../host-agent/index.js';
import type { ManagedObjectReference } from '../../wire/vim25/index.js';
import type { Lab } from '../lab.js';
import type { LabHost } from '../services/host.js';
import type { LabVcenter } from '../services/vcenter.js';
import { PlaintextIndex, scanFile } from './plaintext-index.js';
import type { ScanResult } from './plaintext-index.js';
import { notProved, prove } from './step.js';
import { sumOf } from './vmotion-tap.js';

const MIB = 1024 * 1024;

/** What a VM's disk held before anything was done to it. */
export interface DiskTruth {
  readonly key: number;
  /** SHA-256 of the content, hex. */
  readonly sha256: string;
  readonly capacityBytes: number;
  readonly index: PlaintextIndex;
}

/** A VM of the demo, with all that must stay true of it. */
export class GuestVm {
  readonly name: string;
  readonly uuid: string;
  readonly disks: readonly DiskTruth[];
  readonly #lab: Lab;
  #host: LabHost;

  private constructor(lab: Lab, host: LabHost, info: VmInfo, disks: readonly DiskTruth[]) {
    this.#lab = lab;
    this.#host = host;
    this.name = info.name;
    this.uuid = info.id;
    this.disks = disks;
  }

  /** A VM of whose contents nothing is to be proved. */
  static bare(lab: Lab, host: LabHost, info: VmInfo): GuestVm {
    return new GuestVm(lab, host, info, []);
  }

  /** Reads what is on the disks of a VM that is not encrypted yet, straight from its files. */
  static async of(lab: Lab, host: LabHost, info: VmInfo): Promise<GuestVm> {
    const disks: DiskTruth[] = [];
    const atRest = await (await host.client()).files(info.id);
    for (const { key, files, capacityBytes } of info.disks) {
      const extents = atRest.filter(({ name }) => files.slice(1).includes(name)).map(({ path }) => path);
      prove(
        extents.length === 1,
        `The demo takes disks of one extent; ${info.name} has one of ${extents.length}.`,
      );
      const [extent = ''] = extents;
      disks.push({
        key,
        capacityBytes,
        sha256: await fileDigest(extent),
        index: await PlaintextIndex.ofFile(extent),
      });
    }
    return new GuestVm(lab, host, info, disks);
  }

  /** The host that it is on now. */
  get host(): LabHost {
    return this.#host;
  }

  /** The vCenter that it belongs to now. */
  get vcenter(): LabVcenter {
    return this.#lab.vcenter(this.#host.vcenter);
  }

  /** It is on another host now. */
  movedTo(host: LabHost): void {
    this.#host = host;
  }

  /** The VM in its vCenter. @throws KpsimError `not_proved` if the vCenter does not have it */
  async reference(): Promise<ManagedObjectReference> {
    const found = await this.vcenter.vmByUuid(this.uuid);
    if (found) return found;
    throw notProved(`${this.vcenter.name} does not have the VM ${this.name}.`);
  }

  /** How the host has it. */
  async info(): Promise<VmInfo> {
    return (await this.#host.client()).vm(this.uuid);
  }

  /** Looks for what was on its disks in every one of its files. */
  async scanAtRest(): Promise<ScanResult & { readonly files: readonly string[] }> {
    const files = await (await this.#host.client()).files(this.uuid);
    const results: ScanResult[] = [];
    for (const { path } of files) {
      for (const { index } of this.disks) results.push(await scanFile(index, path));
    }
    return { ...sumOf(results), files: files.map(({ name }) => name) };
  }

  /** Telling blocks of all disks, that scans look for. */
  get tellingBlocks(): number {
    return this.disks.reduce((sum, { index }) => sum + index.blocks, 0);
  }

  /** Reads all disks as the guest does. @throws KpsimError `not_proved` unless they hold what they did at first */
  async proveContents(): Promise<readonly string[]> {
    const client = await this.#host.client();
    const digests: string[] = [];
    for (const { key, sha256 } of this.disks) {
      const found = await client.guestDiskDigest(this.uuid, key);
      prove(
        found === sha256,
        `Disk ${key} of ${this.name} on ${this.#host.name} is not what it was: ${found}, not ${sha256}.`,
      );
      digests.push(found);
    }
    return digests;
  }

  /** Writes the disks as the guest sees them, `<name>-<key>.img`, a MiB at a time; returns the paths. */
  async saveDisks(directory: string): Promise<readonly string[]> {
    const client = await this.#host.client();
    const paths: string[] = [];
    for (const { key, capacityBytes } of this.disks) {
      const path = join(directory, `${this.name}-${key}.img`);
      await copyDisk(client, this.uuid, key, capacityBytes, path);
      paths.push(path);
    }
    return paths;
  }
}

async function copyDisk(
  client: HostAgentClient,
  uuid: string,
  key: number,
  capacityBytes: number,
  path: string,
): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    for (let offset = 0; offset < capacityBytes; offset += MIB) {
      const piece = await client.guestRead(uuid, key, offset, Math.min(MIB, capacityBytes - offset));
      await file.write(piece, 0, piece.length, offset);
    }
  } finally {
    await file.close();
  }
}

async function fileDigest(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: MIB })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
