import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import type { TpmClient, TpmKind } from '../../host-agent/tpm/index.js';
import { startedDevice, tpmDirectory } from '../host-agent/tpm/devices.js';

const execute = promisify(execFile);
const TIMEOUT_MS = 25_000;

/** A started TPM, the typed client on it, and a directory in which tpm2-tools work on it. */
export interface Tpm2Tools {
  readonly client: TpmClient;
  readonly directory: string;
  /** Runs a program in the directory, alone with the TPM. @returns what it wrote to standard output */
  run(program: string, ...args: readonly string[]): Promise<string>;
  file(name: string): Promise<Buffer>;
}

/** A TPM of that kind, on ports as a host with `tpmPort` has it, for one test. */
export async function toolsFor(kind: TpmKind): Promise<Tpm2Tools> {
  const directory = await tpmDirectory();
  const listen = { host: '127.0.0.1', port: 0 };
  const { device, client } = await startedDevice(kind, { listen }, { endorsementKeys: ['rsa2048', 'p256'] });
  const tcti = `swtpm:host=127.0.0.1,port=${device.address!.port}`;
  const env = { ...process.env, TPM2TOOLS_TCTI: tcti };
  return {
    client,
    directory,
    run: async (program, ...args) => {
      // A swtpm serves one client at a time.
      await client.close();
      const { stdout } = await execute(program, args, { cwd: directory, env, timeout: TIMEOUT_MS });
      return stdout;
    },
    file: (name) => readFile(join(directory, name)),
  };
}
