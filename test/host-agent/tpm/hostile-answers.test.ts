import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { KpsimError } from '../../../core/errors.js';
import { SwtpmTransport, TpmClient } from '../../../host-agent/tpm/index.js';
import type { TpmTransport } from '../../../host-agent/tpm/index.js';
import { AK_TEMPLATES, MAX_FRAME_BYTES } from '../../../wire/tpm2/index.js';
import { damagedBytes } from '../../damaged-bytes.js';
import { startedTpm } from './tpm-fixture.js';
import type { TpmFixture } from './tpm-fixture.js';
import { fc } from '../../property.js';

const PCRS = [{ hashAlg: 'SHA256' as const, pcrs: [0, 7, 11] }];

/** What a host asks its TPM, each on a client of its own. */
const QUESTIONS: Record<string, (tpm: TpmClient) => Promise<unknown>> = {
  'a clock': (tpm) => tpm.readClock(),
  'random bytes': (tpm) => tpm.getRandom(40),
  'its banks': (tpm) => tpm.pcrBanks(),
  'values of PCRs': (tpm) => tpm.pcrRead(PCRS),
  'its endorsement key': (tpm) => tpm.ensureEk('p256'),
  'its endorsement certificate': (tpm) => tpm.ekCertificate('p256'),
  'an attestation key': (tpm) => tpm.createAk({ template: AK_TEMPLATES['p256-ecdsa-sha256'] }),
};

let fixture: TpmFixture;

beforeAll(async () => {
  fixture = await startedTpm();
});

async function answeredOrRefused(question: Promise<unknown>): Promise<void> {
  await question.catch((error: unknown) => {
    expect(error).toBeInstanceOf(KpsimError);
  });
}

describe('a TPM that answers wrongly', () => {
  it.each(Object.entries(QUESTIONS))('asked for %s, is refused in words', async (_, ask) => {
    const bytes = fc.uint8Array({ maxLength: 80 }).map((array) => Buffer.from(array));
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 4 }), fc.nat({ max: 0xffff }), bytes, async (spoiled, place, noise) => {
        let answers = 0;
        const transport: TpmTransport = {
          transmit: (command) => {
            const good = fixture.tpm.execute(command);
            answers += 1;
            return Promise.resolve(answers - 1 === spoiled ? spoiledBy(good, place, noise) : good);
          },
          close: () => Promise.resolve(),
        };
        await answeredOrRefused(ask(new TpmClient(transport)));
        // It holds few transient objects; a restart lets go of those that a broken exchange left.
        fixture.tpm.reset();
        await fixture.client.startup();
      }),
      { numRuns: 60 },
    );
  });

  it('that never gives a random byte is not asked for ever', async () => {
    const nothing = Buffer.from('80010000000c000000000000', 'hex');
    const transport = { transmit: () => Promise.resolve(nothing), close: () => Promise.resolve() };
    await expect(new TpmClient(transport).getRandom(8)).rejects.toBeInstanceOf(KpsimError);
  });
});

/** The good answer with noise over it, cut off, or the noise alone. */
function spoiledBy(good: Buffer, place: number, noise: Buffer): Buffer {
  const at = place % good.length;
  if (place % 3 === 0) return noise;
  if (place % 3 === 1) return good.subarray(0, at);
  const spoiled = Buffer.from(good);
  noise.copy(spoiled, at);
  return spoiled;
}

describe('a saved TPM that was damaged', () => {
  it('is refused as such, or goes on answering every command with a frame', async () => {
    const saved = fixture.tpm.saveState();
    const { tpm } = await startedTpm();
    await fc.assert(
      fc.asyncProperty(damagedBytes(saved), async (state) => {
        try {
          tpm.restoreState(state);
        } catch (error) {
          expect(error).toMatchObject({ code: 'tpm_state_invalid' });
          return;
        }
        tpm.reset();
        const client = new TpmClient({
          transmit: (command) => Promise.resolve(tpm.execute(command)),
          close: () => Promise.resolve(),
        });
        await answeredOrRefused(client.startup());
        for (const ask of Object.values(QUESTIONS)) await answeredOrRefused(ask(client));
      }),
      { numRuns: 60 },
    );
  });
});

describe('a swtpm that is none', () => {
  let server: Server;
  let answer = Buffer.alloc(0);

  beforeAll(async () => {
    server = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.once('data', () => socket.end(answer));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  afterAll(() => new Promise((resolve) => server.close(resolve)));

  const transport = (): SwtpmTransport => {
    const { port } = server.address() as AddressInfo;
    return new SwtpmTransport({ host: '127.0.0.1', port, controlPort: port, timeoutMs: 10_000 });
  };
  const frames = fc.oneof(
    fc.uint8Array({ maxLength: 64 }).map((array) => Buffer.from(array)),
    fc.tuple(fc.nat({ max: 0xffffffff }), fc.nat({ max: 5000 })).map(([length, bytes]) => {
      const frame = Buffer.alloc(10 + bytes);
      frame.writeUInt16BE(0x8001, 0);
      frame.writeUInt32BE(length, 2);
      return frame;
    }),
  );

  it('gives at most one frame for a command, or is said to be unavailable', async () => {
    await fc.assert(
      fc.asyncProperty(frames, async (bytes) => {
        answer = bytes;
        const swtpm = transport();
        try {
          const response = await swtpm.transmit(Buffer.from('80010000000a00000000', 'hex'));
          expect(response.length).toBeLessThanOrEqual(MAX_FRAME_BYTES);
        } catch (error) {
          expect(error).toMatchObject({ code: 'tpm_unavailable' });
        } finally {
          await swtpm.close();
        }
      }),
      { numRuns: 60 },
    );
  });

  it('at the control port is said to be unavailable', async () => {
    await fc.assert(
      fc.asyncProperty(frames, async (bytes) => {
        answer = bytes;
        const { control } = transport();
        for (const ask of [control.init(), control.stateBlob('permanent')]) {
          await ask.catch((error: unknown) => {
            expect(error).toMatchObject({ code: 'tpm_unavailable' });
          });
        }
      }),
      { numRuns: 40 },
    );
  });

  it('is let go when it says more than it was asked, so that no answer is taken for the next', async () => {
    const command = Buffer.from('80010000000a00000000', 'hex');
    const [first, second] = ['80010000000a00000101', '80010000000a00000102'].map((hex) =>
      Buffer.from(hex, 'hex'),
    );
    const answers = [Buffer.concat([first!, first!]), second!];
    const talkative = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.on('data', () => socket.write(answers.shift() ?? second!));
    });
    await new Promise<void>((resolve) => talkative.listen(0, '127.0.0.1', resolve));
    const { port } = talkative.address() as AddressInfo;
    const swtpm = new SwtpmTransport({ host: '127.0.0.1', port, timeoutMs: 10_000 });
    expect(await swtpm.transmit(command)).toEqual(first);
    await expect(swtpm.transmit(command)).rejects.toMatchObject({ code: 'tpm_unavailable' });
    // Over a new connection.
    expect(await swtpm.transmit(command)).toEqual(second);
    await swtpm.close();
    await new Promise((resolve) => talkative.close(resolve));
  });
});
