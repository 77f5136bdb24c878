import { KpsimError, errorText } from '../../core/errors.js';
import { certificateX5tS256 } from '../../core/pki/index.js';
import {
  AttestationError,
  EXCHANGE_LIMITS,
  activationProof,
  quoteQualifyingData,
} from '../../wire/attestation/index.js';
import type {
  AttestIdentity,
  ChallengeContext,
  EvidenceContext,
  HelloContext,
  PcrValuesHex,
} from '../../wire/attestation/index.js';
import { TPM_RC, TpmError, encodeTpm2bPublic, parameterRc } from '../../wire/tpm2/index.js';
import type { EkAlgorithm, TpmtPublic } from '../../wire/tpm2/index.js';
import type { ChallengeParts, EvidenceParts, TpmClient } from '../tpm/index.js';
import type { EvidenceMaker } from './exchange.js';
import type { HostKey } from './host-key.js';
import type { HostTpm } from './host-tpm.js';

/** What {@link TpmEvidenceMaker} stands on. */
export interface EvidenceOptions {
  readonly hostId: string;
  /** What evidence is made from. */
  readonly tpm: Pick<
    HostTpm,
    | 'faults'
    | 'ekAlgorithm'
    | 'attestationKey'
    | 'eventLog'
    | 'beginAttestation'
    | 'endorsement'
    | 'identity'
    | 'challenge'
    | 'withTpm'
  >;
  readonly hostKey: () => HostKey;
  /** The host's TLS client certificate: evidence and tokens are bound to it. */
  readonly certificatePem: string;
}

/** Evidence from the host's TPM, after the exchange of `wire/attestation/exchange.ts`. */
export class TpmEvidenceMaker implements EvidenceMaker {
  readonly #options: EvidenceOptions;
  readonly #certificateSha256: string;

  constructor(options: EvidenceOptions) {
    this.#options = options;
    this.#certificateSha256 = certificateX5tS256(options.certificatePem);
  }

  hello(): Promise<{ identity: AttestIdentity; context: HelloContext }> {
    const { tpm: hostTpm, hostId, hostKey } = this.#options;
    return withAvailableTpm(async () => {
      await hostTpm.beginAttestation();
      const identity = await hostTpm.identity();
      const { resetCount, restartCount } = await hostTpm.withTpm(
        async (tpm) => (await tpm.readClock()).clockInfo,
      );
      const { akPublic } = await hostTpm.faults.hello({ akPublic: hostTpm.attestationKey.publicArea });
      return {
        identity,
        context: {
          kind: 'hello',
          akPublic: encodeTpm2bPublic(akPublic).toString('base64'),
          hostId,
          hostKeyJwk: hostKey().publicJwk,
          clientCertificateSha256: this.#certificateSha256,
          clock: { resetCount, restartCount },
        },
      };
    });
  }

  challenge(ask: () => Promise<ChallengeContext>): Promise<ChallengeContext> {
    // Not as what the TPM does: a service that cannot be asked is passed over, a TPM that fails is a verdict.
    return this.#options.tpm.challenge(ask);
  }

  evidence(challenge: ChallengeContext): Promise<EvidenceContext> {
    const { tpm: hostTpm } = this.#options;
    return withAvailableTpm(() => hostTpm.withTpm((tpm) => this.#answer(tpm, challengeParts(challenge))));
  }

  async #answer(client: TpmClient, given: ChallengeParts): Promise<EvidenceContext> {
    const { tpm: hostTpm, hostKey } = this.#options;
    const { faults, attestationKey: ak } = hostTpm;
    const challenge = faults.challenge(given);
    const secret = await openedCredential(client, ak.handle, challenge, hostTpm.ekAlgorithm);
    const quote = await faults.quote({
      client,
      ak,
      selection: challenge.pcrSelection,
      qualifyingData: quoteQualifyingData({
        nonce: challenge.nonce,
        hostKeyJwk: hostKey().publicJwk,
        clientCertificateSha256: this.#certificateSha256,
      }),
    });
    const eventLog = faults.log(hostTpm.eventLog);
    const proof = secret
      ? activationProof({ secret, attest: quote.attest, signature: quote.signature, eventLog })
      : Buffer.alloc(EXCHANGE_LIMITS.proofBytes);
    secret?.fill(0);
    return evidenceContext(
      faults.evidence({
        ...quote,
        state: challenge.state,
        activationProof: proof,
        pcrValues: await client.pcrRead(challenge.pcrSelection),
        eventLog,
      }),
    );
  }
}

function challengeParts({
  idObject,
  encryptedSecret,
  nonce,
  pcrSelection,
  state,
}: ChallengeContext): ChallengeParts {
  return {
    idObject: Buffer.from(idObject, 'base64'),
    encryptedSecret: Buffer.from(encryptedSecret, 'base64'),
    nonce: Buffer.from(nonce, 'base64'),
    pcrSelection,
    state,
  };
}

function evidenceContext(parts: EvidenceParts): EvidenceContext {
  return {
    kind: 'evidence',
    state: parts.state,
    activationProof: parts.activationProof.toString('base64'),
    attest: parts.attest.toString('base64'),
    signature: parts.signature.toString('base64'),
    pcrValues: pcrValuesHex(parts.pcrValues),
    eventLog: parts.eventLog.toString('base64'),
    akPublic: (parts.akPublicBytes ?? encodeTpm2bPublic(parts.akPublic)).toString('base64'),
  };
}

/**
 * The secret of a credential; undefined if it was not made for this TPM, which the service is left to find out.
 *
 * @throws TpmError if the credential is none for such an endorsement key at all
 */
async function openedCredential(
  tpm: TpmClient,
  ak: number,
  { idObject, encryptedSecret }: ChallengeParts,
  ekAlgorithm: EkAlgorithm,
): Promise<Buffer | undefined> {
  const ek = await tpm.ensureEk(ekAlgorithm);
  try {
    return await tpm.activateCredential({ ak, ek: ek.handle, idObject, encryptedSecret });
  } catch (error) {
    if (!(error instanceof TpmError)) throw error;
    if (await isForAnother(tpm, error, ek.publicArea, encryptedSecret)) return undefined;
    throw error;
  }
}

/**
 * Whether a TPM says that a credential was made for another name (the integrity of the first parameter), or that its
 * seed was sent to another RSA key (the value of the second; swtpm says TPM_RC_FAILURE, without being in failure mode).
 * Anything else is a credential in a wrong form.
 */
async function isForAnother(
  tpm: TpmClient,
  error: TpmError,
  ekPublic: TpmtPublic,
  encryptedSecret: Buffer,
): Promise<boolean> {
  if (error.code === 'tpm_integrity') return true;
  if (ekPublic.type !== 'RSA' || encryptedSecret.length !== ekPublic.keyBits / 8) return false;
  if (error.rc !== TPM_RC.FAILURE) return error.rc === parameterRc(TPM_RC.VALUE, 2);
  // In failure mode it would refuse this too.
  await tpm.readClock();
  return true;
}

function pcrValuesHex(values: EvidenceParts['pcrValues']): PcrValuesHex {
  return Object.fromEntries(
    Array.from(values, ([bank, pcrs]) => [
      bank,
      Object.fromEntries(Array.from(pcrs, ([pcr, value]) => [String(pcr), value.toString('hex')])),
    ]),
  );
}

async function withAvailableTpm<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof AttestationError || !(error instanceof KpsimError)) throw error;
    throw new AttestationError('tpm_unavailable', errorText(error), { cause: error });
  }
}
