import type { Clock } from '../../core/clock.js';
import type { ChallengeContext } from '../../wire/attestation/index.js';
import type { HashAlgorithm, PcrSelection, TpmtPublic } from '../../wire/tpm2/index.js';
import type { ManufactureOptions } from './manufacture.js';
import type { TpmClient, TpmKey } from './tpm-client.js';
import type { TpmVendor } from './tpm-vendor.js';
import type { TpmTransport } from './transport.js';

/** What a fault remembers of a host from one attestation to the next. */
export type FaultMemory = Map<string, unknown>;

/** Round 1 of an attestation, before it is sent. */
export interface HelloParts {
  /** The attestation key that the credential shall be made for. */
  readonly akPublic: TpmtPublic;
}

/** The service's challenge, before the TPM sees it. */
export interface ChallengeParts {
  /** TPMS_ID_OBJECT */
  readonly idObject: Buffer;
  readonly encryptedSecret: Buffer;
  /** 32 bytes; the qualifying data of the quote is made from it. */
  readonly nonce: Buffer;
  readonly pcrSelection: readonly PcrSelection[];
  /** Sealed by the service, sent back with the evidence. */
  readonly state: string;
}

/** What is to be quoted. */
export interface QuoteRequest {
  readonly client: TpmClient;
  readonly ak: TpmKey;
  readonly qualifyingData: Buffer;
  readonly selection: readonly PcrSelection[];
}

/** A quote, and the key that it claims to be of. */
export interface QuoteParts {
  /** TPMS_ATTEST */
  readonly attest: Buffer;
  /** TPMT_SIGNATURE */
  readonly signature: Buffer;
  readonly akPublic: TpmtPublic;
}

/** Round 2 of an attestation, before it is sent. */
export interface EvidenceParts extends QuoteParts {
  readonly state: string;
  /** Was computed over attest, signature and event log, so these may only be changed together. */
  readonly activationProof: Buffer;
  readonly pcrValues: ReadonlyMap<HashAlgorithm, ReadonlyMap<number, Buffer>>;
  readonly eventLog: Buffer;
  /** Sent in place of the encoded `akPublic`, by a fault that breaks the structure itself. */
  readonly akPublicBytes?: Buffer;
}

/** What a fault can do to the host beside its evidence. */
export interface HostControls {
  /** The host's clock. */
  readonly clock: Clock;
  /** Copies what the TPM keeps without power; secret. */
  snapshot(): Promise<Buffer>;
  /** Gives the TPM the state of a snapshot, and measures a boot. */
  restore(state: Buffer): Promise<void>;
  /** Cuts the TPM's power and gives it back, and measures a boot. */
  reboot(): Promise<void>;
}

/** Sends round 1 and returns the challenge. */
export type AskChallenge = () => Promise<ChallengeContext>;

/** Takes a quote as asked; a quote fault calls it with something else, or changes its result. */
export type TakeQuote = (request: QuoteRequest) => Promise<QuoteParts>;

/** Where a fault bites, in order of time, and what it does there. */
export interface TpmFaultStages {
  /** Before the host's TPM is made. */
  readonly manufacture: (
    options: ManufactureOptions,
    vendor: TpmVendor,
  ) => ManufactureOptions | Promise<ManufactureOptions>;
  /** Between the host and its TPM. */
  readonly transport: (transport: TpmTransport) => TpmTransport;
  /** Before the attestation key is made. */
  readonly ak: (template: TpmtPublic) => TpmtPublic;
  /** Before an attestation begins. */
  readonly begin: (controls: HostControls, memory: FaultMemory) => Promise<void>;
  /** Before round 1 is sent. */
  readonly hello: (hello: HelloParts) => HelloParts | Promise<HelloParts>;
  /** Instead of sending round 1, which `ask` does as often as it is called; the challenge returned is answered. */
  readonly ask: (ask: AskChallenge, controls: HostControls, memory: FaultMemory) => Promise<ChallengeContext>;
  /** When the challenge has come. */
  readonly challenge: (challenge: ChallengeParts, memory: FaultMemory) => ChallengeParts;
  /** When the quote is taken. */
  readonly quote: (request: QuoteRequest, take: TakeQuote) => Promise<QuoteParts>;
  /** Before the event log is hashed into the activation proof. */
  readonly log: (eventLog: Buffer) => Buffer;
  /** Before round 2 is sent. */
  readonly evidence: (evidence: EvidenceParts, memory: FaultMemory) => EvidenceParts;
}

/** One way to break the evidence of a host: a row of the catalogue of attestation failures. */
export interface FaultRow<Stages, Stage extends keyof Stages = keyof Stages> {
  /** Name in kebab case; stable. */
  readonly name: string;
  /** Numbers in the catalogue. */
  readonly catalogueNumbers: readonly number[];
  /** What is broken, in one sentence. */
  readonly sentence: string;
  readonly stage: Stage;
  readonly apply: Stages[Stage];
  /** Its cause passes by itself: it strikes once, and again only after it was cleared and injected anew. */
  readonly momentary?: true;
  /** Names of faults that it rests on, which are active with it. */
  readonly needs?: readonly string[];
}

/** A row of any stage, its hook typed by its stage. */
export type AnyFaultRow<Stages> = { [Stage in keyof Stages]: FaultRow<Stages, Stage> }[keyof Stages];
