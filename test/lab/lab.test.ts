import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Lab } from '../../lab/index.js';
import { builtInTopology, startLab } from '../../lab/index.js';

describe('a lab of the built-in topology', () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await startLab(builtInTopology());
  });
  afterAll(() => lab.stop());

  it('answers as healthy', () => {
    expect(lab.running.map((service) => [service.name, service.health().status])).toEqual(
      expect.arrayContaining([['kms-1', 'ok']]),
    );
  });
});
