import { KpsimError } from '../../core/errors.js';
import type { Logger } from '../../core/logging.js';
import type { Lab } from '../lab.js';
import type { GuestVm } from './guest-vm.js';
import type { VmotionTap } from './vmotion-tap.js';

/** Choices for a demo. */
export interface DemoOptions {
  /** A directory with a .vmx and flat VMDKs: the VM that is encrypted with each provider, in place of made-up ones. */
  readonly vmDirectory?: string | undefined;
  /** A raw disk image (a flat VMDK is one), to be the disk of each VM. */
  readonly diskImage?: string | undefined;
  /** Size of made-up disks; 6 unless told. */
  readonly diskSizeMiB?: number | undefined;
  /** Where the lab keeps its files; temporary without. */
  readonly dataDir?: string | undefined;
  /** Writes the disks as the guests see them at the end, one raw image each. */
  readonly saveDisksTo?: string | undefined;
  readonly log?: Logger | undefined;
}

/** What the steps of one demo share. */
export class DemoContext {
  readonly options: DemoOptions;
  /** A directory for images, removed at the end. */
  readonly workDir: string;
  readonly vms = new Map<string, GuestVm>();
  /** Wire taps by the host before which they are. */
  readonly taps = new Map<string, VmotionTap>();
  #lab: Lab | undefined;

  constructor(options: DemoOptions, workDir: string) {
    this.options = options;
    this.workDir = workDir;
  }

  /** Whether the lab has been started. */
  get hasLab(): boolean {
    return this.#lab !== undefined;
  }

  /** The lab. @throws Error before it is started, which is a defect of the table of steps */
  get lab(): Lab {
    if (!this.#lab) throw new Error('the lab is not started');
    return this.#lab;
  }

  set lab(lab: Lab) {
    this.#lab = lab;
  }

  /** A VM that an earlier step made. @throws KpsimError `vm_not_made` */
  vm(name: string): GuestVm {
    const found = this.vms.get(name);
    if (found) return found;
    throw new KpsimError('vm_not_made', `The VM ${name} was not made.`);
  }

  /** The tap before a host. @throws Error where there is none, which is a defect of the table of steps */
  tap(host: string): VmotionTap {
    const found = this.taps.get(host);
    if (!found) throw new Error(`there is no tap before ${host}`);
    return found;
  }
}
