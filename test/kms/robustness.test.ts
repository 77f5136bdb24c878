import { once } from 'node:events';
import { connect } from 'node:net';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { requestBytes } from '../../kms/client/session.js';
import { decodeResponse } from '../../wire/kmip/index.js';
import type { TestKms, TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';
import { RawClient } from './raw-client.js';

let pki: TestPki;
let kms: TestKms;
beforeAll(async () => {
  pki = await makePki();
  kms = await startKms(pki, {
    limits: { messageBytes: 64 * 1024, frameSeconds: 0.3, handshakeSeconds: 0.3, idleSeconds: 30 },
  });
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

test('a client that stops in the middle of a message is cut off, and others are served meanwhile', async () => {
  await using slow = await RawClient.open(pki, kms.port);
  slow.socket.write(discover().subarray(0, 20));
  await expect(kms.client().create()).resolves.toBeTypeOf('string');
  await slow.closed();
});

test('a half-open handshake is cut off, and others are served meanwhile', async () => {
  const silent = connect({ host: '127.0.0.1', port: kms.port });
  await once(silent, 'connect');
  const closed = once(silent, 'close');
  silent.resume();
  await expect(kms.client().create()).resolves.toBeTypeOf('string');
  await closed;
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
