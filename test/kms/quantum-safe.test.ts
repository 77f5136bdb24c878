import { afterAll, beforeAll, expect, test } from 'vitest';

import { attributeOf } from '../../wire/kmip/index.js';
import type { TestKms } from './harness.js';
import { makePki, startKms } from './harness.js';

let kms: TestKms;
beforeAll(async () => {
  kms = await startKms(await makePki());
});
afterAll(() => kms[Symbol.asyncDispose]());

const QUANTUM_SAFE = attributeOf('QuantumSafe', true);

test.each([
  ['AES', 256, true],
  ['ChaCha20', 256, true],
  ['AES', 192, false],
  ['AES', 128, false],
  ['DES3', 192, false],
] as const)('a key for %s of %i bits is quantum safe: %s', async (algorithm, lengthBits, safe) => {
  const client = kms.client({ protocolVersion: '2.1' });
  const made = client.create({ algorithm, lengthBits, attributes: [QUANTUM_SAFE] });
  if (safe) await expect(made).resolves.toBeTypeOf('string');
  else await expect(made).rejects.toMatchObject({ reason: 'GeneralFailure' });
});

test('a key that is not quantum safe cannot be declared so later', async () => {
  const client = kms.client({ protocolVersion: '2.1' });
  const weak = await client.create({ lengthBits: 128 });
  await expect(client.addAttribute(weak, QUANTUM_SAFE)).rejects.toMatchObject({ reason: 'GeneralFailure' });
  await client.addAttribute(await client.create(), QUANTUM_SAFE);
  await client.addAttribute(weak, attributeOf('QuantumSafe', false));
});
