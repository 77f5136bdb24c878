import type { Clock } from '../../core/clock.js';
import type { Rng } from '../../core/rng.js';
import { equalSecrets } from '../../core/secret.js';
import type {
  AttestationCredential,
  EnumerationValue,
  NameIn,
  OperationName,
  RequestHeader,
} from '../../wire/kmip/index.js';
import { KmipError } from '../../wire/kmip/index.js';
import type { KmsConfig } from '../config.js';

const NONCE_BYTES = 32;
const NONCE_ID_BYTES = 8;
/** Nonces that wait for their answer at most; the oldest goes first. */
const NONCE_LIMIT = 10_000;

/** What a response header offers a client that is to attest itself. */
export interface AttestationOffer {
  readonly nonce: { readonly nonceId: Buffer; readonly nonceValue: Buffer };
  readonly attestationTypes: readonly NameIn<'AttestationType'>[];
}

/** What a request says about attestation. */
export interface AttestationClaim {
  readonly capable: boolean;
  /** Whether it came with attestation data, and what is wrong with them. */
  readonly proof: 'none' | 'right' | KmipError;
}

/**
 * Attestation of clients (KMIP 1.4 §2.1.14, §6.17, §11.1): operations that need it are refused with a nonce, and done
 * once the request is repeated with an Attestation Credential for that nonce. What measurements and assertions are
 * right is told by the configuration (own choice).
 */
export class Attestation {
  readonly #config: KmsConfig['attestation'];
  readonly #rng: Rng;
  readonly #clock: Clock;
  /** Nonces by their ids in hex, with the time they are over. */
  readonly #nonces = new Map<string, { readonly value: Buffer; readonly expiresMs: number }>();

  constructor(
    config: KmsConfig['attestation'],
    { rng, clock }: { readonly rng: Rng; readonly clock: Clock },
  ) {
    this.#config = config;
    this.#rng = rng;
    this.#clock = clock;
  }

  /** What the header of a request claims; takes back the nonce that it answers. */
  claimOf(header: RequestHeader): AttestationClaim {
    const credential = header.authentication?.credentials.find(({ type }) => type === 'Attestation');
    const capable = header.attestationCapableIndicator === true;
    if (!credential || this.#config.requiredFor.length === 0) return { capable, proof: 'none' };
    const problem = this.#problemOf(credential.value as AttestationCredential);
    return { capable, proof: problem === undefined ? 'right' : failed(problem) };
  }

  /** @throws KmipError `AttestationRequired`, `AttestationFailed` or `PermissionDenied` for an operation that needs it */
  demand(operation: OperationName, { capable, proof }: AttestationClaim): void {
    if (proof === 'right' || !this.#config.requiredFor.includes(operation)) return;
    if (proof !== 'none') throw proof;
    if (capable) {
      throw new KmipError(
        'AttestationRequired',
        `${operation} needs attestation. Repeat the request with an Attestation Credential for the Nonce of this response.`,
      );
    }
    throw new KmipError(
      'PermissionDenied',
      `${operation} needs attestation, and the client did not say that it is capable of it. Set Attestation Capable Indicator.`,
    );
  }

  /** A nonce to attest with. */
  offer(): AttestationOffer {
    const nonceId = this.#rng.bytes(NONCE_ID_BYTES);
    const nonceValue = this.#rng.bytes(NONCE_BYTES);
    const expiresMs = this.#clock.now() + this.#config.nonceSeconds * 1000;
    this.#nonces.set(nonceId.toString('hex'), { value: nonceValue, expiresMs });
    if (this.#nonces.size > NONCE_LIMIT) {
      const [oldest] = this.#nonces.keys();
      if (oldest !== undefined) this.#nonces.delete(oldest);
    }
    return { nonce: { nonceId, nonceValue }, attestationTypes: this.#config.types };
  }

  /** What is wrong with attestation data; undefined if nothing is. */
  #problemOf(credential: AttestationCredential): string | undefined {
    const { nonce, attestationType, attestationMeasurement, attestationAssertion } = credential;
    const id = nonce.nonceId.toString('hex');
    const known = this.#nonces.get(id);
    this.#nonces.delete(id);
    if (!known || known.expiresMs <= this.#clock.now() || !equalSecrets(known.value, nonce.nonceValue)) {
      return 'The nonce is not one of this server, was used before, or is over.';
    }
    const data = attestationMeasurement ?? attestationAssertion;
    if (!data) return 'Neither a measurement nor an assertion is given.';
    if (this.#accepts(attestationType, data)) return undefined;
    return 'The measurement or assertion is none of those accepted here.';
  }

  #accepts(type: EnumerationValue<'AttestationType'>, data: Buffer): boolean {
    return (
      (this.#config.types as readonly unknown[]).includes(type) &&
      this.#config.accepted.some((accepted) => equalSecrets(Buffer.from(accepted, 'hex'), data))
    );
  }
}

function failed(message: string): KmipError {
  return new KmipError(
    'AttestationFailed',
    `${message} Ask for another nonce by repeating the request without attestation data.`,
  );
}
