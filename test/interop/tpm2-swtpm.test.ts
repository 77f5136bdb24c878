import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { measuredBoot } from '../../host-agent/boot/index.js';
import { SwtpmTransport, TpmClient } from '../../host-agent/tpm/index.js';
import { presetBaseImage } from '../../wire/esx-image/index.js';
import {
  AK_TEMPLATES,
  SRK_TEMPLATE_P256,
  decodeTpmsAttest,
  decodeTpmtSignature,
  makeCredential,
  objectName,
  parseEventLog,
  pcrDigest,
  replayEventLog,
  verifySignature,
} from '../../wire/tpm2/index.js';
import type { AkAlgorithm } from '../../wire/tpm2/index.js';
import { describeWith } from './requires.js';

const SWTPM = {
  name: 'swtpm',
  found: spawnSync('swtpm', ['--version'], { stdio: 'ignore' }).status === 0,
  install: 'apt-get install swtpm',
};

let directory = '';
let swtpm: ChildProcess;
let transport: SwtpmTransport;
let client: TpmClient;

/** Two ports in a row that were free a moment ago. */
async function freePortPair(): Promise<number> {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const [first, second] = [createServer(), createServer()];
    first.listen(0, '127.0.0.1');
    await once(first, 'listening');
    const address = first.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    second.listen(port + 1, '127.0.0.1');
    const free = await once(second, 'listening').then(
      () => true,
      () => false,
    );
    first.close();
    second.close();
    if (free) return port;
  }
  throw new Error('no two ports in a row are free');
}

/** Connects as soon as swtpm listens; it says nothing when it does. */
async function connected(port: number): Promise<SwtpmTransport> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    try {
      return await SwtpmTransport.connect({ host: '127.0.0.1', port });
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  throw new Error('swtpm does not listen');
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kpsim-swtpm-'));
  const port = await freePortPair();
  swtpm = spawn(
    'swtpm',
    [
      ...['socket', '--tpm2', '--tpmstate', `dir=${directory}`],
      ...['--server', `type=tcp,port=${port},bindaddr=127.0.0.1`],
      ...['--ctrl', `type=tcp,port=${port + 1},bindaddr=127.0.0.1`],
      ...['--flags', 'not-need-init,startup-clear'],
    ],
    { stdio: 'ignore' },
  );
  transport = await connected(port);
  client = new TpmClient(transport);
});

afterEach(async () => {
  await client.close();
  if (swtpm.exitCode === null) {
    swtpm.kill();
    await once(swtpm, 'exit');
  }
  await rm(directory, { recursive: true, force: true });
});

describeWith(SWTPM, 'the typed client against swtpm', () => {
  it.each(['rsa2048', 'p256'] as const)(
    'activates a credential with the %s endorsement key',
    async (algorithm) => {
      const ek = await client.ensureEk(algorithm);
      const ak = await client.createAk();
      expect(ak.name).toEqual(objectName(ak.publicArea));
      const secret = Buffer.alloc(32, 0x21);
      const credential = makeCredential({ ekPublic: ek.publicArea, objectName: ak.name, secret });
      expect(await client.activateCredential({ ak: ak.handle, ek: ek.handle, ...credential })).toEqual(
        secret,
      );
      const other = makeCredential({ ekPublic: ek.publicArea, objectName: Buffer.alloc(34, 1), secret });
      await expect(
        client.activateCredential({ ak: ak.handle, ek: ek.handle, ...other }),
      ).rejects.toMatchObject({
        code: 'tpm_integrity',
      });
    },
  );

  it('boots measured, and its quote and log agree', async () => {
    const { eventLog } = await measuredBoot({ tpm: client, image: presetBaseImage('8.0.3') });
    const ak = await client.createAk();
    const selection = [{ hashAlg: 'SHA256' as const, pcrs: [0, 7, 12, 13, 14] }];
    const { attest, signature } = await client.quote({
      ak: ak.handle,
      qualifyingData: Buffer.from('nonce'),
      selection,
    });
    expect(verifySignature(ak.publicArea, decodeTpmtSignature(signature), attest)).toBe(true);
    const values = await client.pcrRead(selection);
    const { attested, extraData } = decodeTpmsAttest(attest);
    expect(extraData.toString()).toBe('nonce');
    expect(attested).toMatchObject({ type: 'QUOTE', pcrDigest: pcrDigest('SHA256', selection, values) });
    const replayed = replayEventLog(parseEventLog(eventLog), 'SHA256');
    for (const [pcr, value] of values.get('SHA256')!) expect(replayed.get(pcr)).toEqual(value);
  });

  it.each(Object.keys(AK_TEMPLATES) as AkAlgorithm[])(
    'verifies quotes and signatures of %s',
    async (algorithm) => {
      const ak = await client.createAk({ algorithm });
      const { attest, signature } = await client.quote({
        ak: ak.handle,
        qualifyingData: Buffer.alloc(8),
        selection: [{ hashAlg: 'SHA256', pcrs: [0] }],
      });
      expect(verifySignature(ak.publicArea, decodeTpmtSignature(signature), attest)).toBe(true);
      const message = Buffer.from('a message');
      const { digest, ticket } = await client.hash(message, ak.publicArea.scheme!.hashAlg);
      const signed = await client.sign(ak.handle, digest, { ticket });
      expect(verifySignature(ak.publicArea, decodeTpmtSignature(signed), message)).toBe(true);
    },
  );

  it('creates and loads a key, certifies it and reads the clock', async () => {
    const srk = await client.createPrimary('OWNER', SRK_TEMPLATE_P256);
    const made = await client.create(srk.handle, AK_TEMPLATES['p256-ecdsa-sha256']);
    const key = await client.load(srk.handle, made);
    expect(key.name).toEqual(objectName(made.publicArea));
    const { attest } = await client.certify({
      object: key.handle,
      ak: key.handle,
      qualifyingData: Buffer.alloc(1),
    });
    expect(decodeTpmsAttest(attest).attested).toMatchObject({ type: 'CERTIFY', name: key.name });
    expect((await client.readClock()).clockInfo.resetCount).toBeGreaterThanOrEqual(0);
  });

  it('counts a reset over the control channel', async () => {
    const before = (await client.readClock()).clockInfo.resetCount;
    await client.shutdown();
    await transport.control.init();
    await client.startup();
    expect((await client.readClock()).clockInfo.resetCount).toBe(before + 1);
  });

  it('gives a copy of its state', async () => {
    expect((await transport.control.stateBlob('permanent'))!.length).toBeGreaterThan(1000);
  });

  it('is said to be unavailable once it has ended', async () => {
    const ended = once(swtpm, 'exit');
    await transport.control.shutdown();
    await ended;
    await expect(client.getRandom(4)).rejects.toMatchObject({ code: 'tpm_unavailable' });
  });
});
