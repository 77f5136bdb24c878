import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { TestTrustAuthority, TrustPki } from './harness.js';
import { makeTrustPki, startTrustAuthority } from './harness.js';

let pki: TrustPki;
let ta: TestTrustAuthority;

beforeAll(async () => {
  pki = await makeTrustPki();
  ta = await startTrustAuthority(pki);
});

afterAll(() => ta[Symbol.asyncDispose]());

describe('an attestation', () => {
  it('passes for a host with a good TPM and a trusted base image', async () => {
    const host = await ta.bootHost({ id: 'good' });
    const { result, steps } = await host.attest();
    expect(steps.filter(({ status }) => status !== 'passed').map(({ name }) => name)).toEqual([
      'ek_registered',
      'reset_count',
    ]);
    expect(result.attested).toBe(true);
    expect(result.documents.map(({ type }) => type)).toEqual(['KMS_AUTH_JWT', 'REPORTING_JWT']);
  });
});
