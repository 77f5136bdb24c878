import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, readdir, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';

import { expect, it, onTestFinished } from 'vitest';

import { SwtpmTransport, TpmClient } from '../../host-agent/tpm/index.js';
import { deviceSuite } from '../host-agent/tpm/device-suite.js';
import { makerOf, newDevice, startedDevice, testVendor, tpmDirectory } from '../host-agent/tpm/devices.js';
import { describeWith } from './requires.js';
import { SWTPM } from './swtpm.js';

async function onlyEntry(directory: string): Promise<string> {
  const [entry, ...others] = await readdir(directory);
  expect(others).toEqual([]);
  return join(directory, entry!);
}

async function stateDirectory(dataDir: string): Promise<string> {
  return onlyEntry(join(dataDir, 'swtpm'));
}

async function processOf(dataDir: string): Promise<number> {
  return Number(await readFile(join(await stateDirectory(dataDir), 'swtpm.pid'), 'utf8'));
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describeWith(SWTPM, 'swtpm as a device', () => {
  deviceSuite('swtpm');

  it('keeps its state encrypted, in a directory and files for its owner alone', async () => {
    const dataDir = await tpmDirectory();
    await newDevice('swtpm', { dataDir });
    const directory = await stateDirectory(dataDir);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    expect((await stat(join(directory, 'tpm2-00.permall'))).mode & 0o777).toBe(0o600);
    const plain = execFileSync('strings', ['-n', '16', join(directory, 'tpm2-00.permall')]).toString();
    expect(plain).not.toContain('kpsim');
  });

  it('runs on loopback only while the device is on, and leaves nothing when it is discarded', async () => {
    const dataDir = await tpmDirectory();
    const device = await newDevice('swtpm', { dataDir });
    const pid = await processOf(dataDir);
    expect(isRunning(pid)).toBe(true);
    expect(device.address!.host).toBe('127.0.0.1');
    await device.discard();
    expect(isRunning(pid)).toBe(false);
    expect(await readdir(join(dataDir, 'swtpm'))).toEqual([]);
  });

  it('lets another program have the TPM between two sequences of the host', async () => {
    const { device, client } = await startedDevice('swtpm');
    await client.close();
    const other = new TpmClient(new SwtpmTransport(device.address!));
    expect(await other.getRandom(8)).toHaveLength(8);
    await other.close();
    expect(await client.getRandom(8)).toHaveLength(8);
  });

  it('is started again when it ends by itself, and says that what it held is gone', async () => {
    const dataDir = await tpmDirectory();
    const { device, client } = await startedDevice('swtpm', { dataDir });
    const address = device.address!;
    await client.close();
    const restarted = new Promise<void>((resolve) => {
      device.onRestart(resolve);
    });
    const pid = await processOf(dataDir);
    process.kill(pid, 'SIGKILL');
    await restarted;
    await expect(client.getRandom(4)).rejects.toMatchObject({ code: 'tpm_initialize' });
    expect(await processOf(dataDir)).not.toBe(pid);
    expect(device.address).toEqual(address);
    await device.reset();
    await client.startup();
    expect(await client.ekCertificate('p256')).toBeDefined();
  });

  it('is left alone after it has ended by itself too often, until the host powers it on', async () => {
    const dataDir = await tpmDirectory();
    const { device, client } = await startedDevice('swtpm', { dataDir });
    await client.close();
    for (let death = 1; death <= 4; death += 1) {
      const heard = new Promise<void>((resolve) => {
        device.onRestart(resolve);
      });
      process.kill(await processOf(dataDir), 'SIGKILL');
      await heard;
      await client.getRandom(4).catch(() => undefined);
    }
    await expect(client.getRandom(4)).rejects.toMatchObject({ code: 'tpm_unavailable' });
    await device.reset();
    await client.startup();
    expect(await client.getRandom(4)).toHaveLength(4);
  });

  it('takes over from a swtpm that an earlier run has left behind', async () => {
    const dataDir = await tpmDirectory();
    const maker = await makerOf('swtpm', { dataDir });
    const { issuing } = await testVendor();
    const device = await maker.make({ ekCa: issuing, endorsementKeys: ['p256'] });
    const saved = await device.save();
    await device.close();
    const directory = await stateDirectory(dataDir);
    const key = (JSON.parse(saved.toString()) as { stateKeyHex: string }).stateKeyHex;
    const orphan = spawn(
      'swtpm',
      [
        ...['socket', '--tpm2', '--tpmstate', 'dir=.', '--pid', 'file=swtpm.pid', '--flags', 'not-need-init'],
        ...['--server', 'type=unixio,path=orphan', '--key', 'fd=3,mode=aes-256-cbc,format=hex'],
      ],
      { cwd: directory, stdio: ['ignore', 'ignore', 'inherit', 'pipe'] },
    );
    onTestFinished(() => void orphan.kill('SIGKILL'));
    (orphan.stdio[3] as NodeJS.WritableStream).end(key);
    const ended = once(orphan, 'exit');
    await expect.poll(() => readFile(join(directory, 'swtpm.pid'), 'utf8')).toMatch(String(orphan.pid));
    await mkdir(join(dataDir, 'swtpm', 'left-over'));
    const again = await maker.load(saved);
    onTestFinished(() => again.close());
    await ended;
    expect(await stateDirectory(dataDir)).toBe(directory);
    const client = new TpmClient(again.transport());
    await client.startup();
    expect(await client.ekCertificate('p256')).toBeDefined();
  });

  it('names the package when the program is missing', async () => {
    await expect(newDevice('swtpm', { programs: ['/nowhere/swtpm'] })).rejects.toMatchObject({
      code: 'tpm_program_missing',
      message: expect.stringContaining('apt-get install swtpm') as string,
    });
  });

  it('is not left running when it cannot start: the port is taken, or the state is under another key', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    onTestFinished(() => void taken.close());
    const { port } = taken.address() as { port: number };
    const listen = { host: '127.0.0.1', port };
    await expect(newDevice('swtpm', { listen })).rejects.toMatchObject({ code: 'port_in_use' });

    const dataDir = await tpmDirectory();
    const maker = await makerOf('swtpm', { dataDir });
    const { issuing } = await testVendor();
    const device = await maker.make({ ekCa: issuing, endorsementKeys: ['p256'] });
    const record = JSON.parse((await device.save()).toString()) as object;
    const pid = await processOf(dataDir);
    await device.close();
    const other = Buffer.from(JSON.stringify({ ...record, stateKeyHex: '00'.repeat(32) }));
    await expect(maker.load(other)).rejects.toMatchObject({ code: 'tpm_unavailable' });
    expect(isRunning(pid)).toBe(false);
    const left = await readFile(join(await stateDirectory(dataDir), 'swtpm.pid'), 'utf8').catch(() => '');
    expect(left === '' || !isRunning(Number(left))).toBe(true);
  });
});
