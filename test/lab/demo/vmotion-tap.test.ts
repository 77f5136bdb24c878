import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:net';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { PlaintextIndex } from '../../../lab/demo/plaintext-index.js';
import type { VmotionTap } from '../../../lab/demo/vmotion-tap.js';
import { startVmotionTap } from '../../../lab/demo/vmotion-tap.js';

let tap: VmotionTap;
const echo = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
beforeAll(async () => {
  tap = await startVmotionTap();
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
});
afterAll(async () => {
  await tap.close();
  echo.close();
});

async function through(data: Uint8Array): Promise<Buffer> {
  const socket = connect(tap.port, tap.host);
  socket.end(data);
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

describe('a tap on a vMotion port', () => {
  it('refuses connections until it knows where to', async () => {
    expect(await through(Buffer.from('early'))).toHaveLength(0);
  });

  it('hands on every byte in both directions, and sees them', async () => {
    tap.forwardTo({ host: '127.0.0.1', port: (echo.address() as AddressInfo).port });
    const plaintext = randomBytes(3 * 1024 * 1024);
    const index = PlaintextIndex.of(plaintext);
    tap.watchFor([index]);
    expect((await through(plaintext)).equals(plaintext)).toBe(true);
    expect(tap.result()).toEqual({
      scannedBytes: 2 * plaintext.length,
      found: 2 * index.blocks,
      firstOffset: 0,
    });
  });

  it('finds nothing where nothing of the plaintext crosses', async () => {
    tap.watchFor([PlaintextIndex.of(randomBytes(1024 * 1024))]);
    await through(randomBytes(1024 * 1024));
    expect(tap.result()).toEqual({ scannedBytes: 2 * 1024 * 1024, found: 0, firstOffset: undefined });
  });
});
