import { X509Certificate, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { EVIDENCE_FAULTS, EvidenceFaults, measuredBoot } from '../../../host-agent/boot/index.js';
import {
  SoftwareTpmTransport,
  TpmClient,
  createTpmVendor,
  manufacture,
} from '../../../host-agent/tpm/index.js';
import { AdjustableClock, systemClock } from '../../../core/clock.js';
import type { EvidenceParts, HostControls } from '../../../host-agent/tpm/index.js';
import type { ChallengeContext } from '../../../wire/attestation/index.js';
import { presetBaseImage } from '../../../wire/esx-image/index.js';
import {
  AK_TEMPLATES,
  EVENT_TYPES,
  RELIABLE_LOG_EVENTS,
  TPMA_OBJECT,
  TpmError,
  decodeTpmsAttest,
  decodeTpmtSignature,
  decodeUefiVariable,
  isTpmGenerated,
  makeCredential,
  measure,
  objectName,
  parseEventLog,
  pcrDigest,
  replayEventLog,
  samePcrSelections,
  verifySignature,
} from '../../../wire/tpm2/index.js';
import type { TpmtPublic } from '../../../wire/tpm2/index.js';

const SELECTION = [{ hashAlg: 'SHA256' as const, pcrs: [0, 1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 14] }];
const IMAGE = presetBaseImage('8.0.3');

const unexpected = (): Promise<never> => Promise.reject(new Error('the fault is not to do this'));
const NO_CONTROLS: HostControls = {
  clock: systemClock,
  snapshot: unexpected,
  restore: unexpected,
  reboot: unexpected,
};

function challengeNumber(number: number): ChallengeContext {
  const empty = { idObject: '', encryptedSecret: '', nonce: '', pcrSelection: [] };
  return { kind: 'challenge', ...empty, state: String(number) };
}

/** What a verifier would find wrong, in the words of this test. */
interface Host {
  readonly faults: EvidenceFaults;
  readonly client: TpmClient;
  readonly certificate: X509Certificate | undefined;
  readonly rootPem: string;
  readonly ekPublic: TpmtPublic;
  readonly akTemplate: TpmtPublic;
  attest(): Promise<Attempt>;
}

interface Attempt extends EvidenceParts {
  readonly nonceOfService: Buffer;
  readonly akNamed: TpmtPublic;
  readonly activated: boolean;
  readonly akOfTpm: TpmtPublic;
}

async function hostWith(...names: string[]): Promise<Host> {
  const faults = new EvidenceFaults(names);
  const vendor = await createTpmVendor();
  const options = await faults.manufacture({ ekCa: vendor.issuing, endorsementKeys: ['p256'] }, vendor);
  const tpm = await manufacture(options);
  const client = new TpmClient(faults.transport(new SoftwareTpmTransport(tpm)));
  const booting = faults.boot({ tpm: client, image: IMAGE });
  tpm.setLocality(booting.startupLocality ?? 0);
  await client.startup();
  tpm.setLocality(0);
  const boot = await measuredBoot(booting);
  const ek = await client.ensureEk('p256');
  const akTemplate = faults.ak(AK_TEMPLATES['p256-ecdsa-sha256']);
  const ak = await client.createAk({ template: akTemplate });
  const der = await client.ekCertificate('p256');
  const attest = async (): Promise<Attempt> => {
    const { akPublic: akNamed } = await faults.hello({ akPublic: ak.publicArea });
    const nonceOfService = randomBytes(32);
    const secret = randomBytes(32);
    const credential = makeCredential({ ekPublic: ek.publicArea, objectName: objectName(akNamed), secret });
    const challenge = faults.challenge({
      ...credential,
      nonce: nonceOfService,
      pcrSelection: SELECTION,
      state: nonceOfService.toString('hex'),
    });
    const opened = await client
      .activateCredential({ ak: ak.handle, ek: ek.handle, ...challenge })
      .catch((error: unknown) => {
        if (error instanceof TpmError) return undefined;
        throw error;
      });
    const quote = await faults.quote({
      client,
      ak,
      qualifyingData: challenge.nonce,
      selection: challenge.pcrSelection,
    });
    const evidence = faults.evidence({
      ...quote,
      state: challenge.state,
      activationProof: Buffer.alloc(32),
      pcrValues: await client.pcrRead(SELECTION),
      eventLog: faults.log(boot.eventLog),
    });
    const activated = opened?.equals(secret) === true;
    return { ...evidence, nonceOfService, akNamed, activated, akOfTpm: ak.publicArea };
  };
  return {
    faults,
    client,
    certificate: der === undefined ? undefined : new X509Certificate(der),
    rootPem: vendor.issuing.caPem,
    ekPublic: ek.publicArea,
    akTemplate,
    attest,
  };
}

function signed(attempt: Attempt): boolean {
  return verifySignature(attempt.akPublic, decodeTpmtSignature(attempt.signature), attempt.attest);
}

/** Whether the replayed log gives the values of the PCRs, by PCR. */
function differingPcrs(attempt: Attempt): number[] {
  const replayed = replayEventLog(parseEventLog(attempt.eventLog), 'SHA256');
  const values = attempt.pcrValues.get('SHA256')!;
  return [...values].filter(([pcr, value]) => !value.equals(replayed.get(pcr)!)).map(([pcr]) => pcr);
}

function quotedDigestMatches(attempt: Attempt): boolean {
  const { attested } = decodeTpmsAttest(attempt.attest);
  if (attested.type !== 'QUOTE') return false;
  return attested.pcrDigest.equals(
    pcrDigest('SHA256', attested.selections, attempt.pcrValues) ?? Buffer.alloc(0),
  );
}

describe('a host without faults', () => {
  it('gives evidence in which nothing is wrong', async () => {
    const host = await hostWith();
    const attempt = await host.attest();
    const attest = decodeTpmsAttest(attempt.attest);
    expect(signed(attempt)).toBe(true);
    expect(isTpmGenerated(attest)).toBe(true);
    expect(attest.extraData).toEqual(attempt.nonceOfService);
    expect(attempt.activated).toBe(true);
    expect(quotedDigestMatches(attempt)).toBe(true);
    expect(differingPcrs(attempt)).toEqual([]);
    expect(host.certificate!.verify(new X509Certificate(host.rootPem).publicKey)).toBe(true);
  });
});

describe('faults of the endorsement certificate', () => {
  it.each([
    ['ek-certificate-expired', (c: X509Certificate) => Date.parse(c.validTo) < Date.now()],
    ['ek-certificate-not-yet-valid', (c: X509Certificate) => Date.parse(c.validFrom) > Date.now()],
    ['ek-certificate-usage-wrong', (c: X509Certificate) => !c.keyUsage.includes('2.23.133.8.1')],
    ['ek-certificate-is-ca', (c: X509Certificate) => c.ca],
    ['ek-ca-revoked', (c: X509Certificate) => c.issuer.includes('revoked')],
    ['ek-ca-untrusted', (c: X509Certificate) => c.issuer.includes('Unknown')],
  ] as const)('%s', async (name, isBroken) => {
    const [broken, sound] = [await hostWith(name), await hostWith()];
    expect(isBroken(broken.certificate!)).toBe(true);
    expect(isBroken(sound.certificate!)).toBe(false);
  });

  it('ek-certificate-mismatch', async () => {
    const { certificate, ekPublic } = await hostWith('ek-certificate-mismatch');
    const { x } = certificate!.publicKey.export({ format: 'jwk' });
    expect(ekPublic.type === 'ECC' && ekPublic.unique.x.toString('base64url')).not.toBe(x);
  });

  it('ek-certificate-missing', async () => {
    expect((await hostWith('ek-certificate-missing')).certificate).toBeUndefined();
  });

  it('tpm-replaced', async () => {
    const vendor = await createTpmVendor();
    const options = { ekCa: vendor.issuing, endorsementSeed: Buffer.alloc(64, 1) };
    const changed = await new EvidenceFaults(['tpm-replaced']).manufacture(options, vendor);
    expect(changed.endorsementSeed).toHaveLength(64);
    expect(changed.endorsementSeed).not.toEqual(options.endorsementSeed);
  });

  it('startup-locality-3 leaves a log that still replays', async () => {
    const attempt = await (await hostWith('startup-locality-3')).attest();
    expect(differingPcrs(attempt)).toEqual([]);
    expect(attempt.pcrValues.get('SHA256')!.get(0)).not.toEqual(
      (await (await hostWith()).attest()).pcrValues.get('SHA256')!.get(0),
    );
  });
});

describe('faults of the attestation key', () => {
  it('ak-of-another-tpm: the credential cannot be opened', async () => {
    const attempt = await (await hostWith('ak-of-another-tpm')).attest();
    expect(attempt.activated).toBe(false);
    expect(objectName(attempt.akNamed)).not.toEqual(objectName(attempt.akOfTpm));
  });

  it('ak-not-activated: a proper quote of another key', async () => {
    const attempt = await (await hostWith('ak-not-activated')).attest();
    expect(signed(attempt)).toBe(true);
    expect(attempt.activated).toBe(true);
    expect(objectName(attempt.akPublic)).not.toEqual(objectName(attempt.akNamed));
  });

  it.each([
    ['ak-not-restricted', TPMA_OBJECT.RESTRICTED],
    ['ak-exportable', TPMA_OBJECT.FIXED_TPM],
  ])('%s', async (name, missing) => {
    const attempt = await (await hostWith(name)).attest();
    expect(attempt.akPublic.objectAttributes & missing).toBe(0);
    expect(signed(attempt)).toBe(true);
  });

  it('ak-signs-with-sha1', async () => {
    const attempt = await (await hostWith('ak-signs-with-sha1')).attest();
    expect(decodeTpmtSignature(attempt.signature).hashAlg).toBe('SHA1');
  });
});

describe('faults of the quote', () => {
  it('signature-bit-flip', async () => {
    expect(signed(await (await hostWith('signature-bit-flip')).attest())).toBe(false);
  });

  it('magic-wrong: the signature is good, the magic is not', async () => {
    const attempt = await (await hostWith('magic-wrong')).attest();
    expect(signed(attempt)).toBe(true);
    expect(isTpmGenerated(decodeTpmsAttest(attempt.attest))).toBe(false);
  });

  it('certify-instead-of-quote', async () => {
    const attempt = await (await hostWith('certify-instead-of-quote')).attest();
    expect(signed(attempt)).toBe(true);
    expect(decodeTpmsAttest(attempt.attest).attested.type).toBe('CERTIFY');
  });

  it.each(['nonce-mismatch', 'nonce-constant'])('%s', async (name) => {
    const attempt = await (await hostWith(name)).attest();
    expect(signed(attempt)).toBe(true);
    expect(decodeTpmsAttest(attempt.attest).extraData).not.toEqual(attempt.nonceOfService);
  });

  it('nonce-reused: the second attestation sends the evidence of the first', async () => {
    const host = await hostWith('nonce-reused');
    const [first, second] = [await host.attest(), await host.attest()];
    expect(decodeTpmsAttest(first.attest).extraData).toEqual(first.nonceOfService);
    expect([second.attest, second.state]).toEqual([first.attest, first.state]);
    expect(decodeTpmsAttest(second.attest).extraData).not.toEqual(second.nonceOfService);
  });

  it('challenge-expired: a challenge is kept, and answered one time when it is 61 seconds old', async () => {
    const faults = new EvidenceFaults(['challenge-expired']);
    const clock = new AdjustableClock({ now: () => 1_000_000 });
    let asked = 0;
    const answered = async (): Promise<string> => {
      const ask = (): Promise<ChallengeContext> => Promise.resolve(challengeNumber((asked += 1)));
      return (await faults.ask(ask, { ...NO_CONTROLS, clock })).state;
    };
    expect(await answered()).toBe('2');
    clock.advance(60_999);
    expect(await answered()).toBe('3');
    clock.advance(1);
    expect([await answered(), await answered()]).toEqual(['1', '5']);
  });

  it('tpm-snapshot-restored: two boots after the snapshot it is put back, once', async () => {
    const faults = new EvidenceFaults(['tpm-snapshot-restored']);
    const done: string[] = [];
    const controls = {
      clock: systemClock,
      snapshot: () => Promise.resolve(Buffer.from(`state ${done.push('snapshot')}`)),
      restore: (state: Buffer) => Promise.resolve(void done.push(`restore ${state.toString()}`)),
      reboot: () => Promise.resolve(void done.push('reboot')),
    };
    for (let attestation = 0; attestation < 3; attestation += 1) await faults.begin(controls);
    expect(done).toEqual(['snapshot', 'reboot', 'reboot', 'restore state 1']);
  });

  it('reboot-during-attestation: the TPM is power-cycled once the challenge is there', async () => {
    const faults = new EvidenceFaults(['reboot-during-attestation']);
    const done: string[] = [];
    const ask = (): Promise<ChallengeContext> => {
      done.push('ask');
      return Promise.resolve(challengeNumber(1));
    };
    const reboot = (): Promise<void> => Promise.resolve(void done.push('reboot'));
    expect((await faults.ask(ask, { ...NO_CONTROLS, reboot })).state).toBe('1');
    expect(done).toEqual(['ask', 'reboot']);
  });

  it.each([
    ['pcr-not-covered', 1],
    ['pcr-selection-empty', 0],
  ])('%s', async (name, banks) => {
    const attempt = await (await hostWith(name)).attest();
    const { attested } = decodeTpmsAttest(attempt.attest);
    if (attested.type !== 'QUOTE') throw new Error('not a quote');
    expect(attested.selections).toHaveLength(banks);
    expect(samePcrSelections(attested.selections, SELECTION)).toBe(false);
    expect(signed(attempt)).toBe(true);
  });

  it('pcr-bank-sha1', async () => {
    const { attested } = decodeTpmsAttest((await (await hostWith('pcr-bank-sha1')).attest()).attest);
    expect(attested).toMatchObject({ type: 'QUOTE', selections: [{ hashAlg: 'SHA1' }] });
  });

  it.each(['pcr-value-swapped', 'pcr-value-missing'])(
    '%s: the quoted digest does not match',
    async (name) => {
      const attempt = await (await hostWith(name)).attest();
      expect(signed(attempt)).toBe(true);
      expect(quotedDigestMatches(attempt)).toBe(false);
    },
  );

  it.each([
    ['quote-trailing-bytes', 'tpm_size'],
    ['quote-truncated', 'tpm_insufficient'],
  ])('%s: the structure is malformed', async (name, code) => {
    const { attest } = await (await hostWith(name)).attest();
    expect(() => decodeTpmsAttest(attest)).toThrow(expect.objectContaining({ code }));
  });
});

describe('faults of the log and the boot', () => {
  it.each([
    ['log-event-dropped', [12]],
    ['measured-not-logged', [13]],
    ['log-event-type-rewritten', []],
    ['log-event-data-rewritten', []],
    ['module-replaced', []],
    ['secure-boot-disabled', []],
    ['secure-boot-variable-after-separator', []],
  ] as const)('%s: the replay differs in %j', async (name, pcrs) => {
    const attempt = await (await hostWith(name)).attest();
    expect(quotedDigestMatches(attempt)).toBe(true);
    expect(differingPcrs(attempt)).toEqual(pcrs);
  });

  it.each(['log-truncated', 'log-length-hostile'])('%s: the log cannot be read', async (name) => {
    const { eventLog } = await (await hostWith(name)).attest();
    expect(() => parseEventLog(eventLog)).toThrow(expect.objectContaining({ code: 'log_malformed' }));
  });

  it('log-event-type-rewritten: an event of PCR 12 has another type', async () => {
    const { events } = parseEventLog((await (await hostWith('log-event-type-rewritten')).attest()).eventLog);
    const types = events.filter(({ pcr }) => pcr === 12).map(({ eventType }) => eventType);
    expect(types).toContain(EVENT_TYPES.EV_IPL.value);
  });

  it('log-event-data-rewritten: the digest of an event is not that of its data', async () => {
    const { events } = parseEventLog((await (await hostWith('log-event-data-rewritten')).attest()).eventLog);
    const wrong = events.filter(
      ({ pcr, data, digests }) =>
        pcr === 7 && !measure(['SHA256'], data).get('SHA256')!.equals(digests.get('SHA256')!),
    );
    expect(wrong).toHaveLength(1);
  });

  it('secure-boot-disabled: the log says that Secure Boot is off', async () => {
    const { events } = parseEventLog((await (await hostWith('secure-boot-disabled')).attest()).eventLog);
    const first = events.find(({ pcr }) => pcr === 7)!;
    expect(decodeUefiVariable(first.data).data).toEqual(Buffer.from([0]));
  });

  it('module-replaced: a digest is in no base image', async () => {
    const { events } = parseEventLog((await (await hostWith('module-replaced')).attest()).eventLog);
    const known = new Set(IMAGE.modules.map(({ sha256Hex }) => sha256Hex));
    const modules = events.filter(({ pcr, data }) => pcr === 13 && data.readUInt32LE(0) === 2);
    const unknown = modules.filter(({ digests }) => !known.has(digests.get('SHA256')!.toString('hex')));
    expect(unknown).toHaveLength(1);
  });

  it('log-unreliable: there are more than 1,000 events, and they replay', async () => {
    const attempt = await (await hostWith('log-unreliable')).attest();
    expect(parseEventLog(attempt.eventLog).events.length).toBeGreaterThan(RELIABLE_LOG_EVENTS);
    expect(differingPcrs(attempt)).toEqual([]);
  });
});

describe('faults of the TPM itself', () => {
  it.each([
    ['tpm-object-memory', 'tpm_object_memory'],
    ['tpm-lockout', 'tpm_lockout'],
  ])('%s: quotes are refused', async (name, code) => {
    const host = await hostWith(name);
    await expect(host.attest()).rejects.toMatchObject({ code });
  });

  it('tpm-failure-mode: every command is refused', async () => {
    await expect(hostWith('tpm-failure-mode')).rejects.toMatchObject({ code: 'tpm_failure' });
  });

  it('tpm-retry-once: the quote is taken all the same', async () => {
    expect(signed(await (await hostWith('tpm-retry-once')).attest())).toBe(true);
  });
});

describe('evidence faults', () => {
  it('have unique names in kebab case and say what they break', () => {
    expect(new Set(EVIDENCE_FAULTS.map(({ name }) => name)).size).toBe(EVIDENCE_FAULTS.length);
    for (const { name, sentence, catalogueNumbers } of EVIDENCE_FAULTS) {
      expect(name).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
      expect(sentence).toMatch(/^[A-Z].*\.$/);
      expect(catalogueNumbers.length).toBeGreaterThan(0);
    }
  });

  it('are told to who mistypes them', () => {
    expect(() => new EvidenceFaults(['ak-waek'])).toThrow(
      /no evidence fault ak-waek, did you mean ak-weak\?/,
    );
  });

  it('cover these numbers of the catalogue', () => {
    const covered = new Set(EVIDENCE_FAULTS.flatMap(({ catalogueNumbers }) => catalogueNumbers));
    const wanted = [
      1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 30, 31,
      32, 33, 34, 35, 36, 37, 38, 39, 41, 42, 60,
    ];
    expect(wanted.filter((number) => !covered.has(number))).toEqual([]);
  });

  it('can be taken away again, and unknown ones are refused with the list of known ones', () => {
    const faults = new EvidenceFaults(['signature-bit-flip', 'log-truncated']);
    faults.remove('signature-bit-flip');
    expect(faults.names).toEqual(['log-truncated']);
    faults.clear();
    expect(faults.names).toEqual([]);
    expect(() => {
      faults.add('no-such-fault');
    }).toThrow(/log-truncated/);
  });
});
