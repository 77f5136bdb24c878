import { afterAll, beforeAll, expect, test } from 'vitest';

import type { PykmipTarget } from './pykmip.js';
import { pykmip, startPykmipTarget } from './pykmip.js';
import { describeWith } from './requires.js';

const STEPS = ['encrypt', 'decrypt', 'random IV', 'mac', 'sign', 'verify', 'verify another message'] as const;

describeWith(pykmip('cryptography'), 'the cryptography of PyKMIP', () => {
  let target: PykmipTarget;
  beforeAll(async () => {
    target = await startPykmipTarget();
  });
  afterAll(() => target[Symbol.asyncDispose]());

  test.each(['1.2', '1.3', '1.4', '2.0'])('agrees with that of the server in KMIP %s', async (version) => {
    expect(await target.run('pykmip-cryptography.py', version)).toEqual(
      STEPS.map((step) => ({ step, right: true })),
    );
  });
});
