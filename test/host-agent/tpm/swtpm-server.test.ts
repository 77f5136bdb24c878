import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  SoftwareTpmTransport,
  SwtpmServer,
  SwtpmTransport,
  TpmClient,
} from '../../../host-agent/tpm/index.js';
import type { SoftwareTpm } from '../../../host-agent/tpm/index.js';
import { initialPcr } from '../../../wire/tpm2/index.js';
import { startedTpm } from './tpm-fixture.js';
import { fc } from '../../property.js';

const GET_RANDOM_8 = Buffer.from('80010000000c0000017b0008', 'hex');

let tpm: SoftwareTpm;
let server: SwtpmServer;
let port = 0;

beforeEach(async () => {
  ({ tpm } = await startedTpm());
  server = new SwtpmServer(tpm);
  port = await server.start();
});

afterEach(async () => {
  await server.stop();
});

/** Sends pieces and returns all that came back until the server closed or `wantedBytes` were there. */
async function talk(toPort: number, pieces: readonly Buffer[], wantedBytes: number): Promise<Buffer> {
  const socket = connect(toPort, '127.0.0.1');
  await once(socket, 'connect');
  socket.setNoDelay(true);
  let received = Buffer.alloc(0);
  const done = new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length >= wantedBytes) resolve();
    });
    socket.on('close', () => {
      resolve();
    });
  });
  for (const piece of pieces) socket.write(piece);
  await done;
  socket.destroy();
  return received;
}

describe('a software TPM behind TCP', () => {
  it('is a TPM for the typed client, and is reset over the control port', async () => {
    const transport = await SwtpmTransport.connect({ host: '127.0.0.1', port });
    const client = new TpmClient(transport);
    expect(await client.getRandom(16)).toHaveLength(16);
    await transport.control.init();
    await expect(client.getRandom(4)).rejects.toMatchObject({ code: 'tpm_initialize' });
    await client.startup();
    expect((await client.readClock()).clockInfo.resetCount).toBe(2);
    await client.close();
  });

  it('answers each of several requests that were sent at once, in order', async () => {
    const transport = await SwtpmTransport.connect({ host: '127.0.0.1', port });
    const client = new TpmClient(transport);
    const lengths = await Promise.all(
      [8, 16, 24].map(async (length) => (await client.getRandom(length)).length),
    );
    expect(lengths).toEqual([8, 16, 24]);
    await client.close();
  });

  it('puts a frame together that came in pieces, and takes two that came in one', async () => {
    const inPieces = await talk(port, [GET_RANDOM_8.subarray(0, 3), GET_RANDOM_8.subarray(3)], 20);
    expect(inPieces).toHaveLength(20);
    expect(await talk(port, [Buffer.concat([GET_RANDOM_8, GET_RANDOM_8])], 40)).toHaveLength(40);
  });

  it('refuses a frame that claims to be too long, and closes the connection', async () => {
    const answer = await talk(port, [Buffer.from('8001ffffffff0000017b0008', 'hex')], 1000);
    expect(answer.toString('hex')).toBe('80010000000a00000142');
  });

  it('refuses a control command that it does not know', async () => {
    expect((await talk(port + 1, [Buffer.from('000000ff', 'hex')], 1000)).toString('hex')).toBe('0000000a');
  });

  it('is unavailable after it was stopped', async () => {
    const transport = await SwtpmTransport.connect({ host: '127.0.0.1', port });
    await server.stop();
    await expect(transport.transmit(GET_RANDOM_8)).rejects.toMatchObject({ code: 'tpm_unavailable' });
    await expect(SwtpmTransport.connect({ host: '127.0.0.1', port })).rejects.toMatchObject({
      code: 'tpm_unavailable',
    });
    await transport.close();
  });

  it('says so if the port is taken', async () => {
    await expect(new SwtpmServer(tpm).start('127.0.0.1', port)).rejects.toMatchObject({
      code: 'port_in_use',
    });
  });
});

/** A control request: command, then the body. */
function control(code: number, body: Buffer | readonly number[] = []): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(code, 0);
  return Buffer.concat([head, Buffer.from(body)]);
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => bytes.writeUInt32BE(value, index * 4));
  return bytes;
}

const STOP = control(0x0e);
const INIT = control(0x02, words(0));

async function asked(request: Buffer, wantedBytes = 4): Promise<string> {
  return (await talk(port + 1, [request], wantedBytes)).toString('hex');
}

describe('control commands, answered as swtpm 0.7 answers them', () => {
  it('GET_CAPABILITY names what is offered', async () => {
    expect(await asked(control(0x01), 8)).toBe('000000000000070b');
  });

  it('STOP cuts the power until INIT', async () => {
    expect(await asked(STOP)).toBe('00000000');
    expect((await talk(port, [GET_RANDOM_8], 10)).toString('hex')).toBe('80010000000a00000101');
    expect(await asked(INIT)).toBe('00000000');
    expect((await talk(port, [GET_RANDOM_8], 10)).toString('hex')).toBe('80010000000a00000100');
  });

  it('SET_LOCALITY is the locality of what follows, 0 to 4', async () => {
    const startup = Buffer.from('80010000000c000001440000', 'hex');
    await asked(INIT);
    expect(await asked(control(0x05, [5]))).toBe('0000003d');
    expect(await asked(control(0x05, [1]))).toBe('00000000');
    expect((await talk(port, [startup], 10)).toString('hex')).toBe('80010000000a00000907');
    expect(await asked(control(0x05, [3]))).toBe('00000000');
    expect((await talk(port, [startup], 10)).toString('hex')).toBe('80010000000a00000000');
    const client = new TpmClient(new SoftwareTpmTransport(tpm));
    const values = await client.pcrRead([{ hashAlg: 'SHA256', pcrs: [0] }]);
    expect(values.get('SHA256')!.get(0)).toEqual(initialPcr('SHA256', 0, 3));
  });

  it('GET_STATEBLOB and SET_STATEBLOB copy a TPM, and only one without power takes a state', async () => {
    const source = new SwtpmTransport({ host: '127.0.0.1', port });
    const state = (await source.control.stateBlob('permanent'))!;
    expect(await source.control.stateBlob('savestate')).toBeUndefined();
    const other = await startedTpm();
    const copy = new SwtpmServer(other.tpm);
    const target = new SwtpmTransport({ host: '127.0.0.1', port: await copy.start() });
    await expect(target.control.setStateBlob('permanent', state)).rejects.toMatchObject({
      code: 'tpm_unavailable',
    });
    await target.control.stop();
    await expect(target.control.stateBlob('permanent')).rejects.toMatchObject({ code: 'tpm_unavailable' });
    await expect(target.control.setStateBlob('permanent', Buffer.from('{}'))).rejects.toThrow('0x3');
    await target.control.setStateBlob('permanent', state);
    await target.control.setStateBlob('savestate', Buffer.alloc(0));
    await target.control.init();
    const client = new TpmClient(target);
    await client.startup();
    const original = new TpmClient(new SoftwareTpmTransport(tpm));
    expect((await client.ensureEk('p256')).name).toEqual((await original.ensureEk('p256')).name);
    await client.close();
    await copy.stop();
  });

  it('GET_STATEBLOB gives what is left from an offset on, and nothing beyond the end', async () => {
    const state = tpm.saveState();
    const from = async (offset: number): Promise<Buffer> =>
      talk(port + 1, [control(0x0c, words(0, 1, offset))], 16 + Math.max(0, state.length - offset));
    expect((await from(state.length - 5)).subarray(16)).toEqual(state.subarray(-5));
    expect((await from(0xffffffff)).toString('hex')).toBe('00'.repeat(16));
  });

  it('SHUTDOWN stops the server and says so', async () => {
    const down = new Promise<void>((resolve) => {
      void server.stop();
      server = new SwtpmServer(tpm, { onShutdown: resolve });
    });
    port = await server.start();
    expect(await asked(control(0x03))).toBe('00000000');
    await down;
    await expect(SwtpmTransport.connect({ host: '127.0.0.1', port })).rejects.toMatchObject({
      code: 'tpm_unavailable',
    });
    expect(tpm.powered).toBe(false);
  });
});

describe('clients that do not behave', () => {
  it('wait until the one before has gone: one at a time has the data port', async () => {
    const first = await SwtpmTransport.connect({ host: '127.0.0.1', port });
    const second = await SwtpmTransport.connect({ host: '127.0.0.1', port });
    let answered = false;
    const waiting = second.transmit(GET_RANDOM_8).then((frame) => {
      answered = true;
      return frame;
    });
    for (let command = 0; command < 5; command += 1) await first.transmit(GET_RANDOM_8);
    expect(answered).toBe(false);
    await first.close();
    expect(await waiting).toHaveLength(20);
    await second.close();
  });

  it('are turned away when too many wait', async () => {
    const sockets = Array.from({ length: 18 }, () => connect(port, '127.0.0.1'));
    await once(sockets.at(-1)!, 'close');
    expect(sockets.filter(({ destroyed }) => destroyed)).toHaveLength(1);
    for (const socket of sockets) socket.destroy();
  });

  it('are cut when they are silent for too long, in the middle of a frame too', async () => {
    await server.stop();
    server = new SwtpmServer(tpm, { idleMs: 30 });
    port = await server.start();
    expect(await talk(port, [GET_RANDOM_8.subarray(0, 7)], 1)).toHaveLength(0);
    expect(await talk(port + 1, [control(0x0d).subarray(0, 3)], 1)).toHaveLength(0);
  });

  it('cannot send a state of any length', async () => {
    await asked(STOP);
    expect(await asked(control(0x0d, words(0, 1, 0xffffffff)), 100)).toBe('00000003');
    expect(await asked(control(0x0d, words(0, 1, 4 * 1024 * 1024 + 1)), 100)).toBe('00000003');
    expect(await asked(INIT)).toBe('00000000');
  });

  it('do not stop the TPM, whatever they send to the control port', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 40 }), async (bytes) => {
        const socket = connect(port + 1, '127.0.0.1');
        // SHUTDOWN is not hostile: it ends the server as it should.
        const isShutdown = Buffer.from(bytes).readUIntBE(0, Math.min(4, bytes.length)) === 3;
        if (!isShutdown) socket.end(Buffer.from(bytes));
        else socket.end();
        socket.resume().on('error', () => undefined);
        await once(socket, 'close');
      }),
      { numRuns: 100 },
    );
    expect(await asked(control(0x01), 8)).toBe('000000000000070b');
  });
});
