import { KpsimError, errorText } from '../../core/errors.js';
import { parseCertificate, certificateX5tS256 } from '../../core/pki/index.js';
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
import { TpmError, encodeTpm2bPublic } from '../../wire/tpm2/index.js';
import type { TpmClient } from '../tpm/index.js';
import type { EvidenceMaker } from './attestor.js';
import type { HostKey } from './host-key.js';
import type { HostTpm } from './host-tpm.js';

/** What {@link TpmEvidenceMaker} stands on. */
export interface EvidenceOptions {
  readonly hostId: string;
  readonly tpm: HostTpm;
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
      const { certificatePem, endorsementKeyBase64 } = await hostTpm.endorsement();
      const { resetCount, restartCount } = await hostTpm.withTpm(
        async (tpm) => (await tpm.readClock()).clockInfo,
      );
      return {
        identity:
          certificatePem === undefined
            ? { ek_pub: endorsementKeyBase64 }
            : {
                ek_cert: parseCertificate(certificatePem).raw.toString('base64'),
                ek_pub: endorsementKeyBase64,
              },
        context: {
          kind: 'hello',
          akPublic: encodeTpm2bPublic(hostTpm.attestationKey.publicArea).toString('base64'),
          hostId,
          hostKeyJwk: hostKey().publicJwk,
          clientCertificateSha256: this.#certificateSha256,
          clock: { resetCount, restartCount },
        },
      };
    });
  }

  evidence(challenge: ChallengeContext): Promise<EvidenceContext> {
    const { tpm: hostTpm, hostKey } = this.#options;
    return withAvailableTpm(() =>
      hostTpm.withTpm(async (tpm) => {
        const ak = hostTpm.attestationKey;
        const secret = await openedCredential(tpm, ak.handle, challenge);
        const selection = challenge.pcrSelection;
        const { attest, signature } = await tpm.quote({
          ak: ak.handle,
          selection,
          qualifyingData: quoteQualifyingData({
            nonce: Buffer.from(challenge.nonce, 'base64'),
            hostKeyJwk: hostKey().publicJwk,
            clientCertificateSha256: this.#certificateSha256,
          }),
        });
        const { eventLog } = hostTpm;
        const proof = secret
          ? activationProof({ secret, attest, signature, eventLog })
          : Buffer.alloc(EXCHANGE_LIMITS.proofBytes);
        secret?.fill(0);
        return {
          kind: 'evidence',
          state: challenge.state,
          activationProof: proof.toString('base64'),
          attest: attest.toString('base64'),
          signature: signature.toString('base64'),
          pcrValues: pcrValuesHex(await tpm.pcrRead(selection)),
          eventLog: eventLog.toString('base64'),
          akPublic: encodeTpm2bPublic(ak.publicArea).toString('base64'),
        };
      }),
    );
  }
}

/** The secret of a credential; undefined if it was not made for this TPM, which the service is left to find out. */
async function openedCredential(
  tpm: TpmClient,
  ak: number,
  challenge: ChallengeContext,
): Promise<Buffer | undefined> {
  const ek = await tpm.ensureEk('rsa2048');
  try {
    return await tpm.activateCredential({
      ak,
      ek: ek.handle,
      idObject: Buffer.from(challenge.idObject, 'base64'),
      encryptedSecret: Buffer.from(challenge.encryptedSecret, 'base64'),
    });
  } catch (error) {
    if (error instanceof TpmError && REFUSED_CREDENTIAL.has(error.code)) return undefined;
    throw error;
  }
}

/** How a TPM says that a credential is for another one. */
const REFUSED_CREDENTIAL: ReadonlySet<string> = new Set(['tpm_integrity', 'tpm_value', 'tpm_size']);

function pcrValuesHex(values: Awaited<ReturnType<TpmClient['pcrRead']>>): PcrValuesHex {
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
