import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { brokenRule, importEdges } from './imports.js';

const root = join(import.meta.dirname, '..', '..');

describe('the import rules of the house', () => {
  it('are kept by every source file', () => {
    const edges = importEdges(root);
    const broken = edges.flatMap((edge) => {
      const rule = brokenRule(edge);
      return rule === undefined ? [] : [`${edge.from} imports ${edge.to}: ${rule}`];
    });
    expect(edges.length).toBeGreaterThan(100);
    expect(broken).toEqual([]);
  });

  it.each([
    ['wire/kmip/ttlv.ts', 'core/errors.js', undefined],
    ['wire/kmip/ttlv.ts', 'core/clock.js', 'wire imports nothing above core/errors'],
    ['core/admin.ts', 'kms/client.js', 'core imports no service and no floor above it'],
    ['vcenter/service.ts', 'kms/client.js', undefined],
    ['vcenter/service.ts', 'kms/store.js', 'a service imports of another only its client.ts'],
    ['kms/service.ts', 'lab/lab.js', 'only cli stands on lab'],
    ['cli/kms.ts', 'kms/service.js', 'cli stands on lab, which composes the services'],
    ['lab/lab.ts', 'kms/index.js', undefined],
    ['lab/lab.ts', 'cli/main.js', 'nothing stands on cli'],
  ])('judge %s importing %s', (from, to, rule) => {
    expect(brokenRule({ from, to })).toBe(rule);
  });
});
