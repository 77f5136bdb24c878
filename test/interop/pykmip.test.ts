import { afterAll, beforeAll, expect, test } from 'vitest';

import type { PykmipTarget } from './pykmip.js';
import { pykmip, startPykmipTarget } from './pykmip.js';
import { describeWith } from './requires.js';

describeWith(pykmip(), 'the client of PyKMIP', () => {
  let target: PykmipTarget;
  beforeAll(async () => {
    target = await startPykmipTarget();
  });
  afterAll(() => target[Symbol.asyncDispose]());

  test.each(['1.0', '1.1', '1.2', '1.3', '1.4', '2.0'])(
    'walks a key through its whole life in KMIP %s',
    async (version) => {
      const told = await target.run('pykmip-client.py', version);
      const steps = new Map(told.map((step) => [step.step, step]));
      const uid = steps.get('create')?.uid;
      const speaks2 = version.startsWith('2');
      expect(steps.get('get')).toMatchObject({
        type: 'SymmetricKey',
        length: 256,
        bytes: 32,
        algorithm: 'AES',
      });
      expect(steps.get('attribute list')?.names).toContain('Cryptographic Usage Mask');
      expect(steps.get('state before')).toMatchObject({ state: 'PRE_ACTIVE' });
      expect(steps.get('locate')).toMatchObject({ uids: [uid] });
      expect(steps.get('state active')).toMatchObject({ state: 'ACTIVE' });
      expect(steps.get('destroy while active')).toMatchObject({
        reason: speaks2 ? 'WRONG_KEY_LIFECYCLE_STATE' : 'PERMISSION_DENIED',
      });
      expect(steps.get('state revoked')).toMatchObject({ state: 'DEACTIVATED' });
      expect(steps.get('get destroyed')).toMatchObject({
        reason: speaks2 ? 'OBJECT_DESTROYED' : 'ITEM_NOT_FOUND',
      });
      expect(steps.get('registered')).toMatchObject({ same: true });
      expect(steps.get('secret')).toMatchObject({ same: true });
      expect(steps.get('get unknown')).toMatchObject({
        reason: speaks2 ? 'OBJECT_NOT_FOUND' : 'ITEM_NOT_FOUND',
      });
    },
  );
});
