import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import * as z from 'zod';

import { writeFileDurable } from '../core/data-dir.js';
import { KpsimError } from '../core/errors.js';

const STATE_FILE = 'lab.json';
const stateSchema = z.strictObject({
  /** Ports by what listens on them, for example `kms-1/kmip`: addresses outlive a restart. */
  ports: z.record(z.string(), z.number().int().min(1).max(65_535)),
  /** Passwords that were made up, by whose they are, for example `vc-east/administrator@vsphere.local`. */
  passwords: z.record(z.string(), z.string()),
  /** VMs of the topology that were made, by `vcenter/name`: from then on they are the user's, to move and delete. */
  madeVms: z.array(z.string()).default([]),
});

/** What a lab must remember to come back as it was: `lab.json` in its data directory, mode 0600. */
export class LabState {
  readonly #path: string;
  readonly #ports: Map<string, number>;
  readonly #passwords: Map<string, string>;
  readonly #madeVms: Set<string>;

  private constructor(path: string, state: z.output<typeof stateSchema>) {
    this.#path = path;
    this.#ports = new Map(Object.entries(state.ports));
    this.#passwords = new Map(Object.entries(state.passwords));
    this.#madeVms = new Set(state.madeVms);
  }

  /** Loads the state of a data directory; of a new one it is empty. @throws KpsimError `lab_state_invalid` */
  static async load(dataDir: string): Promise<LabState> {
    const path = join(dataDir, STATE_FILE);
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
        return new LabState(path, { ports: {}, passwords: {}, madeVms: [] });
      }
      throw error;
    }
    try {
      return new LabState(path, stateSchema.parse(JSON.parse(text)));
    } catch (error) {
      throw new KpsimError(
        'lab_state_invalid',
        `${path} is damaged. Restore it, or start the lab with another data directory.`,
        { cause: error },
      );
    }
  }

  /** Names of all services that have ever listened in this data directory. */
  get services(): readonly string[] {
    const names = [...this.#ports.keys()].map((listener) => listener.split('/', 1)[0] ?? '');
    return [...new Set(names)].filter((name) => name !== 'lab');
  }

  /** The port to ask for: the one that the topology wants, else the one of the last run, else any. */
  port(listener: string, wanted: number): number {
    return wanted === 0 ? (this.#ports.get(listener) ?? 0) : wanted;
  }

  /** Remembers the port that a listener has got. */
  keepPort(listener: string, port: number): void {
    this.#ports.set(listener, port);
  }

  /** The password that was made up for `owner`, or a new one: 18 random bytes, base64url. */
  password(owner: string): string {
    const known = this.#passwords.get(owner);
    if (known !== undefined) return known;
    const made = randomBytes(18).toString('base64url');
    this.#passwords.set(owner, made);
    return made;
  }

  /** Whether a VM of the topology was made in this data directory before. */
  wasMade(vm: string): boolean {
    return this.#madeVms.has(vm);
  }

  /** Remembers that a VM of the topology was made. */
  keepMade(vm: string): void {
    this.#madeVms.add(vm);
  }

  /** Writes it all down. */
  save(): Promise<void> {
    const state = {
      ports: Object.fromEntries(this.#ports),
      passwords: Object.fromEntries(this.#passwords),
      madeVms: [...this.#madeVms],
    };
    return writeFileDurable(this.#path, `${JSON.stringify(state, undefined, 2)}\n`);
  }
}
