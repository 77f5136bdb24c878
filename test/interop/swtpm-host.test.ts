import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { expect, it, vi } from 'vitest';

import { scratchDir } from '../host-agent/hosts.js';
import { hostTpmSuite } from '../host-agent/trust/host-tpm-suite.js';
import { describeWith } from './requires.js';
import { SWTPM } from './swtpm.js';

async function processesOf(dataDir: string): Promise<number[]> {
  const parent = join(dataDir, 'swtpm');
  const directories = await readdir(parent).catch(() => []);
  const pids = await Promise.all(
    directories.map((name) => readFile(join(parent, name, 'swtpm.pid'), 'utf8').catch(() => '')),
  );
  return pids.filter((pid) => pid !== '').map(Number);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describeWith(SWTPM, 'a host with a swtpm', () => {
  hostTpmSuite('swtpm', (attestingHost) => {
    it('does not attest after its swtpm has ended by itself, until it boots again', async () => {
      const dataDir = await scratchDir();
      const { client } = await attestingHost({}, dataDir);
      const [pid] = await processesOf(dataDir);
      process.kill(pid!, 'SIGKILL');
      await expect
        .poll(async () => (await client.attest(true)).appraisals[0]!.reason)
        .toBe('tpm_unavailable');
      await client.reboot();
      expect((await client.attest(true)).info.status).toBe('attested');
    });

    it('leaves no swtpm behind when the host stops or cannot start', async () => {
      const dataDir = await scratchDir();
      const host = await attestingHost({}, dataDir);
      const port = Number(new URL(host.url).port);
      const pids = await processesOf(dataDir);
      expect(pids.map(isRunning)).toEqual([true]);
      const other = await scratchDir();
      await expect(attestingHost({ port }, other)).rejects.toMatchObject({ code: 'port_in_use' });
      expect((await processesOf(other)).filter(isRunning)).toEqual([]);
      await host.service.stop();
      expect(pids.map(isRunning)).toEqual([false]);
    });
  });

  /** What `npm run build` made, which `npm test` does first. */
  const command = fileURLToPath(new URL('../../dist/bin/kpsim.js', import.meta.url));
  it.runIf(existsSync(command))(
    'ends with a host that is killed, whose directory nobody knows any more',
    async () => {
      const temporary = await scratchDir();
      const host = spawn(
        process.execPath,
        [command, 'host-agent', '--name', 'esx-1', '--tpm', 'swtpm', '--port', '0'],
        {
          // KPSIM_… variables are settings; those of the tests are not this host's.
          env: { PATH: process.env.PATH ?? '', TMPDIR: temporary },
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      );
      for await (const line of createInterface(host.stdout)) if (line.startsWith('Ready')) break;
      const [dataDir = ''] = await readdir(temporary);
      const pid = await vi.waitFor(
        async () => {
          const [found] = await processesOf(join(temporary, dataDir, 'esx-1'));
          if (found === undefined) throw new Error(`there is no swtpm in ${dataDir}`);
          return found;
        },
        { timeout: 10_000 },
      );
      // A process that has ended has no directory, even while nobody has asked yet how it ended.
      const directoryOf = () => readlink(`/proc/${pid}/cwd`).catch(() => undefined);
      expect(await directoryOf()).toContain(dataDir);
      host.kill('SIGKILL');
      await once(host, 'exit');
      await expect.poll(directoryOf).toBeUndefined();
    },
  );
});
