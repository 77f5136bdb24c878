import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { EXPLANATION_LIMITS, decodeContextOf } from '../../wire/attestation/index.js';
import type { AppraisalContext } from '../../wire/attestation/index.js';
import { presetBaseImage } from '../../wire/esx-image/index.js';
import type { TestTrustAuthority, TrustPki } from './harness.js';
import { makeTrustPki, startTrustAuthority } from './harness.js';
import type { TestHostOptions } from './test-host.js';

let pki: TrustPki;
let ta: TestTrustAuthority;
let next = 0;

beforeAll(async () => {
  pki = await makeTrustPki();
  ta = await startTrustAuthority(pki);
});

afterAll(() => ta[Symbol.asyncDispose]());

async function explained(options: Partial<TestHostOptions>): Promise<AppraisalContext> {
  const host = await ta.bootHost({ id: `host-${(next += 1)}`, ...options });
  const { result } = await host.attest([], undefined, (evidence) => ({ ...evidence, explain: true }));
  expect(result.contexts[0]).not.toContain('"secret"');
  return decodeContextOf('appraisal', result.contexts[0]!);
}

const stepOf = ({ steps }: AppraisalContext, name: string) => steps.find((step) => step.name === name);

const verdictsOf = ({ events = [] }: AppraisalContext): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const { verdict } of events) counts[verdict] = (counts[verdict] ?? 0) + 1;
  return counts;
};

describe('an explanation', () => {
  it('is given only to evidence that asks for it', async () => {
    const host = await ta.bootHost({ id: 'not-asking' });
    const { result } = await host.attest([]);
    expect(Object.keys(decodeContextOf('appraisal', result.contexts[0]!))).toEqual(['kind', 'steps']);
  });

  it('of a host that attested shows that everything is as expected', async () => {
    const told = await explained({});
    expect(told.pcrs?.map(({ pcr }) => pcr)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 14]);
    expect(told.pcrs?.every(({ quoted, replayed }) => quoted === replayed)).toBe(true);
    const image = presetBaseImage('8.0.3');
    const measured = image.modules.length + image.versionRecords.length + image.bootOptions.length + 1;
    // All of the image, and the variable SecureBoot.
    expect(verdictsOf(told)).toEqual({ same: measured + 1, 'not judged': expect.any(Number) as number });
    expect(stepOf(told, 'ek_certificate_match')).toMatchObject({
      status: 'passed',
      expected: expect.stringMatching(/[0-9a-f]{64}$/) as string,
      actual: expect.stringMatching(/[0-9a-f]{64}$/) as string,
    });
    expect(stepOf(told, 'base_image')?.actual).toBe(image.displayName);
    expect(stepOf(told, 'credential_activation')).toEqual({
      name: 'credential_activation',
      status: 'passed',
    });
  });

  it('names every PCR that the log does not replay to', async () => {
    const told = await explained({ faults: ['measured-not-logged', 'log-event-dropped'] });
    const differing = told.pcrs!.filter(({ quoted, replayed }) => quoted !== replayed);
    expect(differing.length).toBeGreaterThan(0);
    expect(stepOf(told, 'log_replay')?.expected).toBe(
      differing.map(({ pcr, quoted }) => `PCR ${pcr} ${quoted}`).join(', '),
    );
    expect(stepOf(told, 'log_replay')?.actual).toBe(
      differing.map(({ pcr, replayed }) => `PCR ${pcr} ${replayed!}`).join(', '),
    );
  });

  it('tells every measurement that differs from the closest image', async () => {
    const image = presetBaseImage('8.0.3');
    const changed = { ...image.modules[3]!, sha256Hex: 'ab'.repeat(32) };
    const added = { ...image.modules[5]!, name: 'rootkit.v00', sha256Hex: 'cd'.repeat(32) };
    const modules = [...image.modules.filter((_, index) => index !== 3 && index !== 20), changed, added];
    const told = await explained({ image: { ...image, modules } });
    const odd = told.events!.filter(({ verdict }) => verdict !== 'same' && verdict !== 'not judged');
    expect(odd.map(({ subject, verdict, actual, expected }) => [subject, verdict, actual, expected])).toEqual(
      [
        [changed.name, 'differs', 'ab'.repeat(32), image.modules[3]!.sha256Hex],
        ['rootkit.v00', 'unexpected', 'cd'.repeat(32), undefined],
        [image.modules[20]!.name, 'missing', 'not measured', image.modules[20]!.sha256Hex],
      ],
    );
    const { actual } = stepOf(told, 'base_image')!;
    expect(actual).toMatch(/^3 differences: /);
    for (const name of [changed.name, 'rootkit.v00', image.modules[20]!.name]) expect(actual).toContain(name);
  });

  it.each([
    ['secure-boot-disabled', 'SecureBoot', 'differs'],
    ['log-event-data-rewritten', undefined, 'differs'],
    ['log-event-type-rewritten', undefined, 'unexpected'],
  ])('of a host with the fault %s shows the event', async (fault, subject, verdict) => {
    const told = await explained({ faults: [fault] });
    const odd = told.events!.filter((event) => event.verdict === verdict);
    expect(odd.length).toBeGreaterThan(0);
    if (subject !== undefined) expect(odd.map((event) => event.subject)).toContain(subject);
  });

  it('is bounded, whatever the log is, and empty where there is none', async () => {
    const told = await explained({ faults: ['log-unreliable'] });
    expect(told.events!.length).toBeLessThanOrEqual(EXPLANATION_LIMITS.events);
    expect((await explained({ faults: ['log-truncated'] })).events).toEqual([]);
  });
});
