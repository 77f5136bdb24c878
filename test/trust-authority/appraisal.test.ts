import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createTpmVendor } from '../../host-agent/tpm/index.js';
import { encodeContext } from '../../wire/attestation/index.js';
import { packImgdb, presetBaseImage } from '../../wire/esx-image/index.js';
import type { TestTrustAuthority, TrustPki } from './harness.js';
import { makeTrustPki, startTrustAuthority, trustingInitial } from './harness.js';
import { outcomeOf } from './test-host.js';

let pki: TrustPki;
let ta: TestTrustAuthority;
let nextHost = 0;

const newId = (): string => `host-${(nextHost += 1)}`;

beforeAll(async () => {
  pki = await makeTrustPki();
  ta = await startTrustAuthority(pki);
});

afterAll(() => ta[Symbol.asyncDispose]());

describe('an appraisal', () => {
  /* What is found for each fault of the catalogue is held in test/lab/attest/scenarios.test.ts. */
  it('of broken evidence is answered with the reason, and with nothing that opens anything', async () => {
    const host = await ta.bootHost({ id: newId(), faults: ['signature-bit-flip'] });
    const outcome = await host.attest();
    expect(outcome.reason).toBe('bad_signature');
    expect(outcome.result.attested).toBe(false);
    expect(outcome.result.documents.map(({ type }) => type)).toEqual(['REPORTING_JWT']);
  });

  it('accepts a TPM that was started at another locality', async () => {
    const host = await ta.bootHost({ id: newId(), faults: ['startup-locality-3'] });
    expect((await host.attest()).result.attested).toBe(true);
  });

  it('accepts an RSA endorsement key, with its certificate alone', async () => {
    const host = await ta.bootHost({ id: newId(), ek: 'rsa2048' });
    const { ek_cert } = await host.identity();
    const first = await host.client.attest({ ek_cert }, [encodeContext(await host.hello())], []);
    const evidence = encodeContext(await host.evidence(first.contexts[0]!));
    const { reason, result } = outcomeOf(await host.client.attest({ ek_cert }, [evidence], []));
    expect([reason, result.attested, result.documents]).toEqual([undefined, true, []]);
  });

  it('names the PCR that the log does not replay to', async () => {
    const host = await ta.bootHost({ id: newId(), faults: ['measured-not-logged'] });
    const step = (await host.attest()).steps.find(({ name }) => name === 'log_replay');
    expect(step?.expected).toMatch(/^PCR 13 [0-9a-f]{64}$/);
    expect(step?.actual).toMatch(/^PCR 13 [0-9a-f]{64}$/);
  });

  it('evaluates every step that it can, whatever failed before', async () => {
    const host = await ta.bootHost({
      id: newId(),
      faults: ['ek-certificate-expired', 'signature-bit-flip', 'secure-boot-disabled'],
    });
    const { steps } = await host.attest();
    const failures = steps.filter(({ status }) => status === 'failed').map(({ reason }) => reason);
    expect(failures).toEqual(['ek_cert_expired', 'bad_signature', 'secure_boot_disabled']);
  });

  it('tells neither the secret nor the expected proof when activation failed', async () => {
    const host = await ta.bootHost({ id: newId(), faults: ['ak-of-another-tpm'] });
    const step = (await host.attest()).steps.find(({ name }) => name === 'credential_activation');
    expect(Object.keys(step!).sort()).toEqual(['name', 'reason', 'remedy', 'status']);
  });

  it('refuses an answer that is sent a second time', async () => {
    const host = await ta.bootHost({ id: newId(), faults: ['nonce-reused'] });
    expect((await host.attest()).reason).toBeUndefined();
    expect((await host.attest()).reason).toBe('nonce_reused');
  });

  it('makes a new nonce for every challenge', async () => {
    const host = await ta.bootHost({ id: newId() });
    const identity = await host.identity();
    const hello = encodeContext(await host.hello());
    const nonces = new Set<string>();
    for (let round = 0; round < 50; round += 1) {
      const { contexts } = await host.client.attest(identity, [hello], []);
      const { nonce } = JSON.parse(Buffer.from(contexts[0]!, 'base64').toString('utf8')) as { nonce: string };
      nonces.add(nonce);
    }
    expect(nonces.size).toBe(50);
  });

  it('refuses an answer that comes too late', async () => {
    const host = await ta.bootHost({ id: newId() });
    const { reason } = await host.attest([], () => ta.clock.advance(61_000));
    ta.clock.reset();
    expect(reason).toBe('challenge_expired');
  });

  it('refuses a state that it did not seal', async () => {
    const host = await ta.bootHost({ id: newId() });
    const { reason, steps } = await host.attest([], undefined, (evidence) => ({
      ...evidence,
      state: `${evidence.state.slice(0, -4)}AAAA`,
    }));
    expect(reason).toBe('challenge_expired');
    expect(steps.find(({ name }) => name === 'credential_activation')?.status).toBe('skipped');
  });

  it('refuses another identity in the second round', async () => {
    const host = await ta.bootHost({ id: newId() });
    const other = await ta.bootHost({ id: newId() });
    const identity = await host.identity();
    const first = await host.client.attest(identity, [encodeContext(await host.hello())], []);
    const evidence = encodeContext(await host.evidence(first.contexts[0]!));
    const { reason } = outcomeOf(await host.client.attest(await other.identity(), [evidence], []));
    expect(reason).toBe('malformed_evidence');
  });

  it('refuses evidence over a connection with another client certificate', async () => {
    const host = await ta.bootHost({ id: newId() });
    const thief = await ta.bootHost({ id: newId(), certificate: pki.otherHost });
    const identity = await host.identity();
    const first = await host.client.attest(identity, [encodeContext(await host.hello())], []);
    const evidence = encodeContext(await host.evidence(first.contexts[0]!));
    const { reason } = outcomeOf(await thief.client.attest(identity, [evidence], []));
    expect(reason).toBe('holder_mismatch');
  });

  it('notices a reset between challenge and quote', async () => {
    const host = await ta.bootHost({ id: newId() });
    const { reason } = await host.attest([], () => host.reboot());
    expect(reason).toBe('reset_during_attestation');
  });

  it('passes again after an honest reboot', async () => {
    const host = await ta.bootHost({ id: newId() });
    expect((await host.attest()).reason).toBeUndefined();
    await host.reboot();
    expect((await host.attest()).reason).toBeUndefined();
  });

  it('notices a TPM whose state was restored from a copy', async () => {
    const host = await ta.bootHost({ id: newId() });
    const { SoftwareTpm } = await import('../../host-agent/tpm/index.js');
    const copy = host.tpm.saveState();
    await host.reboot();
    await host.reboot();
    expect((await host.attest()).reason).toBeUndefined();
    const restored = await ta.bootHost({ id: host.id, tpm: SoftwareTpm.load(copy) });
    expect((await restored.attest()).reason).toBe('reset_count_rollback');
  });

  it('notices another TPM under the id of a host, until the host is forgotten', async () => {
    const id = newId();
    expect((await (await ta.bootHost({ id })).attest()).reason).toBeUndefined();
    const replaced = await ta.bootHost({ id, faults: ['tpm-replaced'] });
    expect((await replaced.attest()).reason).toBe('identity_changed');
    await ta.attestation.hosts.forget(id);
    expect((await replaced.attest()).reason).toBeUndefined();
  });
});

describe('settings and references', () => {
  it('decide whether certificates are validated and keys must be registered', async () => {
    await using other = await startTrustAuthority(pki);
    const stranger = await createTpmVendor();
    const host = await other.bootHost({ vendor: stranger });
    expect((await host.attest()).reason).toBe('ek_ca_untrusted');
    await other.attestation.settings.update({ require_certificate_validation: false });
    expect((await host.attest()).reason).toBeUndefined();
    await other.attestation.settings.update({ require_endorsement_keys: true });
    expect((await host.attest()).reason).toBe('ek_not_registered');
    const der = Buffer.from((await host.identity()).ek_cert!, 'base64').toString('base64');
    const certificate = `-----BEGIN CERTIFICATE-----\n${der}\n-----END CERTIFICATE-----\n`;
    await other.attestation.endorsementKeys.create({ name: 'esx-1', certificate });
    expect((await host.attest()).reason).toBeUndefined();
    await other.attestation.endorsementKeys.delete('esx-1');
    expect((await host.attest()).reason).toBe('ek_not_registered');
  });

  it('decide which base images pass, also after one was removed', async () => {
    await using other = await startTrustAuthority(pki);
    const patched = presetBaseImage('8.0.3', '24999999');
    const host = await other.bootHost({ image: patched });
    const refused = await host.attest();
    expect(refused.reason).toBe('base_image_not_trusted');
    expect(refused.steps.at(-1)?.expected).toContain('VMware ESXi 8.0.3 build-24022510');
    const id = await other.attestation.baseImages.importFromImgdb(await packImgdb(patched));
    expect((await host.attest()).reason).toBeUndefined();
    await other.attestation.baseImages.delete(id);
    expect((await host.attest()).reason).toBe('base_image_not_trusted');
  });

  it('refuse a chain in the wrong order when it is imported', async () => {
    const { root, issuing } = await createTpmVendor();
    await expect(
      ta.attestation.caCertificates.create({
        name: 'upside-down',
        cert_chain: { cert_chain: [issuing.caPem, root.caPem] },
      }),
    ).rejects.toMatchObject({ reason: 'ek_ca_untrusted' });
  });

  it('refuse a revocation list that should have been renewed', async () => {
    await using other = await startTrustAuthority(pki);
    const host = await other.bootHost();
    other.clock.advance(800 * 86_400_000);
    expect((await host.attest()).reason).toBeUndefined();
    other.clock.advance(100 * 86_400_000);
    const { steps } = await host.attest();
    const step = steps.find(({ name }) => name === 'ek_certificate_revocation');
    expect(step?.reason).toBe('ek_ca_revoked');
  });

  it('survive a restart, and so does what is known of hosts', async () => {
    await using before = await startTrustAuthority(pki);
    const host = await before.bootHost({ id: 'survivor' });
    expect((await host.attest()).reason).toBeUndefined();
    await before.attestation.settings.update({ require_endorsement_keys: true });
    const [applied, chain] = [
      await before.attestation.rawConfig(),
      await before.attestation.certificate.get(),
    ];
    await before.stop();
    await using after = await startTrustAuthority(
      pki,
      { initial: await trustingInitial(pki) },
      { dataDir: before.context.dataDir },
    );
    expect(await after.attestation.rawConfig()).toEqual(applied);
    expect(await after.attestation.certificate.get()).toEqual(chain);
    expect((await after.attestation.hosts.list()).map(({ host: id }) => id)).toEqual(['survivor']);
  });
});
