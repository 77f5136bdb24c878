import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { requestBytes } from '../../kms/client/session.js';
import { MessageFramer } from '../../kms/server/framing.js';
import { attributeOf, decodeResponse } from '../../wire/kmip/index.js';
import type { TestKms, TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';
import { exchange, item, onlyItem, payloadOf } from './messages.js';
import { RawClient } from './raw-client.js';

let pki: TestPki;
let kms: TestKms;
beforeAll(async () => {
  pki = await makePki();
  kms = await startKms(pki, { limits: { messageBytes: 64 * 1024 } });
});
afterAll(async () => {
  await kms[Symbol.asyncDispose]();
});

const discover = () =>
  requestBytes({ protocolVersion: '1.2' }, [{ operation: 'DiscoverVersions', payload: {} }]);

/** Reason and status of the only batch item of a response. */
function refusal(response: Buffer | undefined) {
  const { batchItems } = decodeResponse(response!);
  const [item] = batchItems;
  return { operation: item?.operation, status: item?.resultStatus, reason: item?.resultReason };
}

const INVALID = { operation: undefined, status: 'OperationFailed', reason: 'InvalidMessage' };

describe('a malformed message', () => {
  test('is answered with Invalid Message, and the connection goes on', async () => {
    await using client = await RawClient.open(pki, kms.port);
    const broken = discover();
    // The Batch Count, of which there is one, becomes two.
    broken.writeInt32BE(2, broken.indexOf(Buffer.from('42000d', 'hex')) + 8);
    expect(refusal(await client.exchange(broken))).toEqual(INVALID);
    const wrongType = discover();
    wrongType[wrongType.indexOf(Buffer.from('42000d02', 'hex')) + 3] = 0x05;
    expect(refusal(await client.exchange(wrongType))).toEqual(INVALID);
    expect(decodeResponse((await client.exchange(discover()))!).batchItems[0]?.resultStatus).toBe('Success');
  });

  test('of an unknown major version is answered with Invalid Message', async () => {
    await using client = await RawClient.open(pki, kms.port);
    const future = discover();
    future.writeInt32BE(9, future.indexOf(Buffer.from('42006a', 'hex')) + 8);
    expect(refusal(await client.exchange(future))).toEqual(INVALID);
  });

  test('that is larger than allowed is answered also if all of it is sent', async () => {
    await using client = await RawClient.open(pki, kms.port);
    const errors: Error[] = [];
    client.socket.on('error', (error: Error) => errors.push(error));
    using push = vi.spyOn(MessageFramer.prototype, 'push');
    const large = Buffer.alloc(16 * 1024 * 1024);
    large.write('42007801', 'hex');
    large.writeUInt32BE(large.length - 8, 4);
    const written = new Promise<void>((resolve) => client.socket.write(large, () => resolve()));
    expect(refusal(await client.next())).toEqual(INVALID);
    await written;
    await client.closed();
    expect(errors).toEqual([]);
    // What comes after the header is thrown away, and fills no memory.
    const kept = push.mock.calls.reduce((sum, [chunk]) => sum + chunk.length, 0);
    expect(kept).toBeLessThan(large.length / 4);
  });

  test.each([
    ['that is larger than allowed', Buffer.from('42007801fffffff0', 'hex')],
    ['whose answer was cut off', discover()],
  ])(
    '%s keeps the connection of a client that writes on for no longer than a request',
    async (_which, message) => {
      await using hasty = await startKms(pki, { limits: { frameSeconds: 0.2, idleSeconds: 3600 } });
      hasty.context.faults.add({ action: { kind: 'truncate' } });
      await using client = await RawClient.open(pki, hasty.port);
      client.socket.allowHalfOpen = true;
      const closed = new Promise<void>((resolve) => client.socket.once('close', () => resolve()));
      client.socket.write(message);
      const sending = setInterval(() => client.socket.write(Buffer.alloc(1024)), 20);
      await closed;
      clearInterval(sending);
    },
  );

  test('of a later minor version is answered in the newest one known', async () => {
    await using client = await RawClient.open(pki, kms.port);
    const later = discover();
    later.writeInt32BE(9, later.indexOf(Buffer.from('42006b', 'hex')) + 8);
    const { header, batchItems } = decodeResponse((await client.exchange(later))!);
    expect(header.protocolVersion).toEqual({ major: 1, minor: 4 });
    expect(batchItems[0]?.resultStatus).toBe('Success');
  });

  test.each([
    ['bytes that are no TTLV', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['a message larger than allowed', Buffer.from('42007801000fff00', 'hex')],
    ['a response instead of a request', Buffer.from('42007b0100000000', 'hex')],
  ])('%s is answered with Invalid Message before the connection is closed', async (_name, bytes) => {
    await using client = await RawClient.open(pki, kms.port);
    expect(refusal(await client.exchange(bytes))).toEqual(INVALID);
    await client.closed();
  });
});

test('an error in one payload fails that item only', async () => {
  const good = { operation: 'Query', payload: { queryFunctions: ['QueryObjects'] } } as const;
  const bytes = requestBytes({ protocolVersion: '1.2' }, [good, good, good], {
    batchErrorContinuationOption: 'Continue',
  });
  // The tag of the second item's Query Function becomes one that has no place there.
  const second = bytes.indexOf(Buffer.from('420074', 'hex'), bytes.indexOf(Buffer.from('420074', 'hex')) + 3);
  bytes[second + 2] = 0x75;
  await using client = await RawClient.open(pki, kms.port);
  const { batchItems } = decodeResponse((await client.exchange(bytes))!);
  expect(batchItems.map((item) => item.resultStatus)).toEqual(['Success', 'OperationFailed', 'Success']);
  expect(batchItems[1]?.resultReason).toBe('InvalidField');
});

test('a message in many small pieces, and many messages in one piece, are answered in order', async () => {
  await using client = await RawClient.open(pki, kms.port);
  const answer = client.next();
  for (const byte of discover()) client.socket.write(Buffer.of(byte));
  expect(decodeResponse((await answer)!).batchItems).toHaveLength(1);
  const answers = [client.next(), client.next(), client.next()];
  client.socket.write(Buffer.concat([discover(), discover(), discover()]));
  for (const one of answers) expect(decodeResponse((await one)!).batchItems[0]?.resultStatus).toBe('Success');
});

test('an attribute may be called what JavaScript calls its own', async () => {
  const client = kms.client();
  const id = await client.create();
  await using raw = await RawClient.open(pki, kms.port);
  for (const name of ['constructor', '__proto__', 'toString']) {
    const { batchItems } = await exchange(raw, '1.4', [
      item('GetAttributes', { uniqueIdentifier: id, attributeNames: [name] }),
    ]);
    expect(batchItems[0]).toMatchObject({
      resultStatus: 'Success',
      responsePayload: { uniqueIdentifier: id },
    });
  }
});

test('an object that an old version has no words for is refused by itself', async () => {
  await using client = await RawClient.open(pki, kms.port);
  const splitting = item('CreateSplitKey', {
    objectType: 'SplitKey',
    splitKeyParts: 2,
    splitKeyThreshold: 2,
    splitKeyMethod: 'PolynomialSharingGF2_8',
    templateAttribute: {
      attributes: [
        attributeOf('CryptographicAlgorithm', 'AES'),
        attributeOf('CryptographicLength', 256),
        attributeOf('CryptographicUsageMask', 12),
      ],
    },
  });
  const split = payloadOf(onlyItem(await exchange(client, '1.4', [splitting])), 'CreateSplitKey');
  const getting = item('Get', { uniqueIdentifier: split.uniqueIdentifiers[0] });
  expect(onlyItem(await exchange(client, '1.4', [getting])).resultStatus).toBe('Success');
  expect(onlyItem(await exchange(client, '1.1', [getting]))).toMatchObject({
    operation: 'Get',
    resultReason: 'FeatureNotSupported',
    resultMessage: expect.stringContaining('newer version') as string,
  });
});

test('operations that clients make up are counted together', async () => {
  await using client = await RawClient.open(pki, kms.port);
  const made = discover();
  const at = made.indexOf(Buffer.from('42005c05', 'hex')) + 8;
  for (let number = 0; number < 3; number += 1) {
    made.writeUInt32BE(0x80000000 + number, at);
    expect(refusal(await client.exchange(made)).reason).toBe('OperationNotSupported');
  }
  const counted = (await kms.context.metrics.render()).match(
    /^kmip_operations_total\{.*OperationNotSupported.*$/gm,
  );
  expect(counted).toEqual(['kmip_operations_total{operation="unknown",outcome="OperationNotSupported"} 3']);
});

test('stop closes every connection, and start on the same files finds the keys again', async () => {
  await using first = await startKms(pki);
  const id = await first.client().create();
  const { keyBytes } = await first.client().get(id);
  await using idle = await RawClient.open(pki, first.port);
  await first.stop();
  await idle.closed();
  await using second = await startKms(pki, {}, { dataDir: first.context.dataDir });
  expect((await second.client().get(id)).keyBytes).toEqual(keyBytes);
});
