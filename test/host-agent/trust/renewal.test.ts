import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { earClaims } from '../../../wire/attestation/index.js';
import { everyInterval } from '../../../host-agent/trust/renewal-timer.js';
import { TrustSite, UNREACHABLE } from './trust-site.js';

const MINUTE_MS = 60_000;
const ATTEST = 'attestation.report.attest';
const HOUR_MS = 60 * MINUTE_MS;

let trust: TrustSite;

beforeAll(async () => {
  trust = await TrustSite.start();
});

afterAll(() => trust[Symbol.asyncDispose]());

/** How many verdicts the attestation service has given. */
function verdicts(): number {
  return trust.ta.context.journal.entries().filter(({ operation }) => operation === ATTEST).length;
}

describe('a host by itself', () => {
  it('attests when its timer first goes off, nobody having asked', async () => {
    const { client, timer } = await trust.host();
    expect((await client.attestationInfo()).status).toBe('unknown');
    await timer.tick();
    expect((await client.attestationInfo()).status).toBe('attested');
  });

  it('renews its report ten minutes before it expires, and not earlier', async () => {
    const { client, timer } = await trust.host();
    await timer.tick();
    const first = await client.attestationInfo();
    trust.clock.advance(8 * HOUR_MS - 11 * MINUTE_MS);
    await timer.tick();
    expect(await client.attestationInfo()).toEqual(first);
    trust.clock.advance(MINUTE_MS);
    await timer.tick();
    const renewed = await client.attestationInfo();
    expect(Date.parse(renewed.attestedUntil!) - Date.parse(first.attestedUntil!)).toBe(
      8 * HOUR_MS - 10 * MINUTE_MS,
    );
  });

  it('tries again after a refusal, and waits longer each time up to five minutes', async () => {
    const { timer, client } = await trust.host({ attestationFaults: ['signature-bit-flip'] });
    await timer.tick();
    expect((await client.attestationInfo()).status).toBe('notAttested');
    for (const minutes of [1, 2, 4, 5, 5]) {
      const before = verdicts();
      trust.clock.advance(minutes * MINUTE_MS - 1);
      await timer.tick();
      expect(verdicts()).toBe(before);
      trust.clock.advance(1);
      await timer.tick();
      expect(verdicts()).toBeGreaterThan(before);
    }
    await client.setEvidenceFaults([]);
    trust.clock.advance(5 * MINUTE_MS);
    await timer.tick();
    expect((await client.attestationInfo()).status).toBe('attested');
  });

  it('comes back after an outage of its services, and waits as short as ever after the next one', async () => {
    const other = await trust.another();
    const { faults } = other.context;
    const { client, timer } = await trust.host({}, { attestation: [trust.service(other.attestationUrl)] });
    for (let time = 0; time < 2; time += 1) {
      const { id } = faults.add({ operation: ATTEST, action: { kind: 'reset' } });
      trust.clock.advance(9 * HOUR_MS);
      await timer.tick();
      const { info, appraisals } = await client.attestationReport();
      expect(info.status).toBe('notAttested');
      expect(appraisals[0]!.reason).toBe('attestation_service_unreachable');
      faults.remove(id);
      trust.clock.advance(MINUTE_MS);
      await timer.tick();
      expect((await client.attestationInfo()).status).toBe('attested');
    }
  });

  it('keeps a report that is still good while no service answers, and goes on trying', async () => {
    const other = await trust.another();
    const { client, timer } = await trust.host({}, { attestation: [trust.service(other.attestationUrl)] });
    await timer.tick();
    const first = await client.attestationInfo();
    const { id } = other.context.faults.add({ operation: ATTEST, action: { kind: 'reset' } });
    trust.clock.advance(8 * HOUR_MS - 5 * MINUTE_MS);
    await timer.tick();
    const kept = await client.attestationReport(true);
    expect(kept.info).toMatchObject({ status: 'attested', attestedUntil: first.attestedUntil });
    expect(kept.documents).toHaveLength(2);
    other.context.faults.remove(id);
    trust.clock.advance(MINUTE_MS);
    await timer.tick();
    expect((await client.attestationInfo()).attestedUntil).not.toBe(first.attestedUntil);
  });

  it('does not wait for a clock that was put back', async () => {
    const { timer, client } = await trust.host({ attestationFaults: ['signature-bit-flip'] });
    await timer.tick();
    await client.setEvidenceFaults([]);
    trust.clock.advance(-HOUR_MS);
    await timer.tick();
    trust.clock.advance(HOUR_MS);
    expect((await client.attestationInfo()).status).toBe('attested');
  });

  it('keeps its verdict, good or bad, when its vCenter tells it the same services again', async () => {
    const { client } = await trust.host({ attestationFaults: ['signature-bit-flip'] });
    const told = await client.trustedServices();
    for (const status of ['notAttested', 'attested']) {
      const { info } = await client.attest(true);
      expect(info.status).toBe(status);
      await client.setTrustedServices(told);
      expect(await client.attestationInfo()).toEqual(info);
      await client.setTrustedServices({ ...told, kms: [] });
      expect(await client.attestationInfo()).toEqual(info);
      await client.setEvidenceFaults([]);
    }
    await client.setTrustedServices({ ...told, attestation: [trust.service(UNREACHABLE)] });
    expect((await client.attestationInfo()).status).toBe('unknown');
  });

  it('has nothing to try without a TPM', async () => {
    const { client, timer } = await trust.host({ tpm: 'none' });
    await timer.tick();
    expect((await client.attestationInfo()).status).toBe('unknown');
  });

  it('asks services in the order in which it was told of them', async () => {
    const other = await trust.another();
    const urls = [other.attestationUrl, trust.ta.attestationUrl];
    for (const order of [urls, urls.toReversed()]) {
      const { client, timer } = await trust.host({}, { attestation: order.map((url) => trust.service(url)) });
      await timer.tick();
      expect((await client.attestationInfo()).serviceId).toBe(order[0]);
    }
  });
});

it('The timer of a machine goes off at its interval until it is stopped', () => {
  vi.useFakeTimers();
  try {
    const work = vi.fn(() => Promise.resolve());
    const stop = everyInterval(1000, work);
    vi.advanceTimersByTime(2500);
    stop();
    vi.advanceTimersByTime(5000);
    expect(work).toHaveBeenCalledTimes(2);
  } finally {
    vi.useRealTimers();
  }
});

describe('the documents of an attestation', () => {
  it('are given to whoever asks for them', async () => {
    const { client } = await trust.host();
    await client.attest();
    const { documents = [] } = await client.attestationReport(true);
    expect(documents.map(({ type, service }) => [type, service])).toEqual([
      ['KMS_AUTH_JWT', trust.ta.attestationUrl],
      ['REPORTING_JWT', trust.ta.attestationUrl],
    ]);
    const ear = earClaims.parse(decodeJwt(documents[1]!.document));
    expect(Object.values(ear.submods)[0]!['ear.status']).toBe('affirming');
    expect(await client.attestationReport()).not.toHaveProperty('documents');
  });

  it('of a host that is refused are a report that says so, and no token', async () => {
    const { client } = await trust.host({ attestationFaults: ['secure-boot-disabled'] });
    await client.attest();
    const { documents = [] } = await client.attestationReport(true);
    expect(documents.map(({ type }) => type)).toEqual(['REPORTING_JWT']);
    const ear = earClaims.parse(decodeJwt(documents[0]!.document));
    expect(Object.values(ear.submods)[0]!['ear.status']).not.toBe('affirming');
  });

  it('are gone with a reboot', async () => {
    const { client } = await trust.host();
    await client.attest();
    await client.reboot();
    expect((await client.attestationReport(true)).documents).toEqual([]);
  });
});

describe('an attestation explained by a host', () => {
  it('tells every step, PCR and event, and leaves its standing as it is', async () => {
    const { client } = await trust.host();
    const explanation = await client.explainAttestation();
    expect(explanation).toMatchObject({ attested: true, service: trust.ta.attestationUrl, unanswered: [] });
    expect(explanation.steps.length).toBeGreaterThan(30);
    expect(explanation.pcrs.length).toBe(12);
    expect(explanation.pcrs.every(({ quoted, replayed }) => quoted === replayed)).toBe(true);
    expect(explanation.events.length).toBeGreaterThan(100);
    expect((await client.attestationInfo()).status).toBe('unknown');
  });

  it('comes from the first service that answers, and names those that did not', async () => {
    const attestation = [UNREACHABLE, trust.ta.attestationUrl].map((url) => trust.service(url));
    const { client } = await trust.host({}, { attestation });
    const { attested, service, unanswered } = await client.explainAttestation();
    expect({ attested, service }).toEqual({ attested: true, service: trust.ta.attestationUrl });
    expect(unanswered.map((one) => one.service)).toEqual([UNREACHABLE]);
  });

  it('says that no service answers, and that the TPM does not', async () => {
    const lonely = await trust.host({}, { attestation: [trust.service(UNREACHABLE)] });
    expect(await lonely.client.explainAttestation()).toMatchObject({
      attested: false,
      reason: 'attestation_service_unreachable',
      steps: [],
    });
    const broken = await trust.host({ attestationFaults: ['tpm-failure-mode'] });
    expect(await broken.client.explainAttestation()).toMatchObject({
      attested: false,
      reason: 'tpm_unavailable',
      remedy: expect.stringContaining('restart the host') as string,
    });
  });

  it('needs a TPM and a service', async () => {
    const without = await trust.host({ tpm: 'none' });
    await expect(without.client.explainAttestation()).rejects.toMatchObject({ type: 'UNSUPPORTED' });
    const alone = await trust.host({}, { attestation: [] });
    await expect(alone.client.explainAttestation()).rejects.toMatchObject({
      type: 'NOT_ALLOWED_IN_CURRENT_STATE',
      message: expect.stringContaining('trusted-services') as string,
    });
  });
});
