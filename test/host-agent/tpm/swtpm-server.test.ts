import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SwtpmServer, SwtpmTransport, TpmClient } from '../../../host-agent/tpm/index.js';
import type { SoftwareTpm } from '../../../host-agent/tpm/index.js';
import { startedTpm } from './tpm-fixture.js';

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
