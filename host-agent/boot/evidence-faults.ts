import { KpsimError } from '../../core/errors.js';
import type { TpmtPublic } from '../../wire/tpm2/index.js';
import { TPM_FAULTS } from '../tpm/index.js';
import type { ChallengeContext } from '../../wire/attestation/index.js';
import type {
  AskChallenge,
  ChallengeParts,
  EvidenceParts,
  FaultMemory,
  HelloParts,
  HostControls,
  ManufactureOptions,
  QuoteParts,
  QuoteRequest,
  TakeQuote,
  TpmFaultStages,
  TpmTransport,
  TpmVendor,
} from '../tpm/index.js';
import { BOOT_FAULTS } from './faults.js';
import type { BootFaultStages } from './faults.js';
import type { MeasuredBootOptions } from './measured-boot.js';

type Stages = TpmFaultStages & BootFaultStages;

/** What a fault says about itself. */
export interface EvidenceFaultDescription {
  readonly name: string;
  readonly catalogueNumbers: readonly number[];
  readonly sentence: string;
  readonly stage: keyof Stages;
}

const ROWS = [...TPM_FAULTS, ...BOOT_FAULTS];
const ROW_BY_NAME = new Map(ROWS.map((row) => [row.name, row]));

/** Every fault that a host's evidence can have, for listings and documentation. */
export const EVIDENCE_FAULTS: readonly EvidenceFaultDescription[] = ROWS;

/**
 * The faults of one host's evidence. The host calls each method at its stage, in this order, and goes on with what it returns;
 * without faults each returns what it was given:
 *
 * 1. `manufacture` before its TPM is made; a change takes effect with the next TPM
 * 2. `transport` around the way to the TPM
 * 3. `boot` before each measured boot
 * 4. `ak` with the template of the attestation key
 * 5. `begin` before an attestation begins
 * 6. `hello` before round 1 is sent
 * 7. `ask` instead of sending round 1
 * 8. `challenge` when the challenge has come, before the credential is activated
 * 9. `quote` instead of calling `TpmClient.quote`
 * 10. `log` with the event log, before the activation proof is computed
 * 11. `evidence` before round 2 is sent
 */
export class EvidenceFaults {
  readonly #active = new Map<string, (typeof ROWS)[number]>();
  readonly #memory: FaultMemory = new Map();

  /** @throws KpsimError `fault_unknown` */
  constructor(names: Iterable<string> = []) {
    for (const name of names) this.add(name);
  }

  /** Names of the active faults. */
  get names(): string[] {
    return [...this.#active.keys()];
  }

  /** Names of the active faults that are part of the TPM's making, in alphabetical order. */
  get making(): string[] {
    return [...this.#active.values()]
      .filter(({ stage }) => stage === 'manufacture')
      .map(({ name }) => name)
      .sort();
  }

  /** Activates a fault. @throws KpsimError `fault_unknown` */
  add(name: string): void {
    const row = ROW_BY_NAME.get(name);
    if (row === undefined) {
      throw new KpsimError(
        'fault_unknown',
        `There is no evidence fault ${name}. Choose one of: ${ROWS.map((known) => known.name).join(', ')}.`,
      );
    }
    this.#active.set(name, row);
  }

  /** Deactivates a fault, and forgets what it remembered. Nothing happens if it was not active. */
  remove(name: string): void {
    this.#active.delete(name);
    this.#memory.delete(name);
  }

  /** Deactivates all faults. */
  clear(): void {
    this.#active.clear();
    this.#memory.clear();
  }

  /** Stage 1. @param vendor the maker of the TPM, who has also a revoked authority */
  async manufacture(options: ManufactureOptions, vendor: TpmVendor): Promise<ManufactureOptions> {
    let result = options;
    for (const apply of this.#at('manufacture')) result = await apply(result, vendor);
    return result;
  }

  /** Stage 2. */
  transport(transport: TpmTransport): TpmTransport {
    return this.#at('transport').reduce((inner, apply) => apply(inner), transport);
  }

  /** Stage 3. */
  boot(options: MeasuredBootOptions): MeasuredBootOptions {
    return this.#at('boot').reduce((result, apply) => apply(result), options);
  }

  /** Stage 4. */
  ak(template: TpmtPublic): TpmtPublic {
    return this.#at('ak').reduce((result, apply) => apply(result), template);
  }

  /** Stage 5. */
  async begin(controls: HostControls): Promise<void> {
    for (const apply of this.#at('begin')) await apply(controls, this.#memory);
  }

  /** Stage 6. */
  async hello(hello: HelloParts): Promise<HelloParts> {
    let result = hello;
    for (const apply of this.#at('hello')) result = await apply(result);
    return result;
  }

  /** Stage 7: gets the challenge that is answered. */
  ask(ask: AskChallenge, controls: HostControls): Promise<ChallengeContext> {
    const asking = this.#at('ask').reduce<AskChallenge>(
      (inner, apply) => () => apply(inner, controls, this.#memory),
      ask,
    );
    return asking();
  }

  /** Stage 8. */
  challenge(challenge: ChallengeParts): ChallengeParts {
    return this.#at('challenge').reduce((result, apply) => apply(result, this.#memory), challenge);
  }

  /** Stage 9: takes the quote. @throws TpmError if the TPM refuses */
  quote(request: QuoteRequest): Promise<QuoteParts> {
    const take = this.#at('quote').reduce<TakeQuote>(
      (inner, apply) => (asked) => apply(asked, inner),
      takeQuote,
    );
    return take(request);
  }

  /** Stage 10. */
  log(eventLog: Buffer): Buffer {
    return this.#at('log').reduce((result, apply) => apply(result), eventLog);
  }

  /** Stage 11. */
  evidence(evidence: EvidenceParts): EvidenceParts {
    return this.#at('evidence').reduce((result, apply) => apply(result, this.#memory), evidence);
  }

  #at<Stage extends keyof Stages>(stage: Stage): Stages[Stage][] {
    // A row's hook is typed by its stage (AnyFaultRow), which the compiler cannot follow through a filter.
    return [...this.#active.values()]
      .filter((row) => row.stage === stage)
      .map((row) => row.apply as Stages[Stage]);
  }
}

const takeQuote: TakeQuote = async ({ client, ak, qualifyingData, selection }) => ({
  ...(await client.quote({ ak: ak.handle, qualifyingData, selection })),
  akPublic: ak.publicArea,
});
