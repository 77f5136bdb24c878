import { didYouMean } from '../../core/config/nearest.js';
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
  /** Its cause passes by itself: it strikes once. */
  readonly momentary: boolean;
  /** When it bites after it was injected: with the next boot of the host, or with its next attestation. */
  readonly bites: 'boot' | 'attestation';
}

const ROWS = [...TPM_FAULTS, ...BOOT_FAULTS];
type Row = (typeof ROWS)[number];
const ROW_BY_NAME = new Map(ROWS.map((row) => [row.name, row]));

/** Stages that are over once a host has booted. */
const BOOT_STAGES: ReadonlySet<keyof Stages> = new Set(['manufacture', 'boot', 'ak']);

/** A fault and those that it rests on. */
function withNeeds(row: Row): Row[] {
  return [row, ...(row.needs ?? []).flatMap((name) => ROW_BY_NAME.get(name) ?? [])];
}

/** Every fault that a host's evidence can have, for listings and documentation. */
export const EVIDENCE_FAULTS: readonly EvidenceFaultDescription[] = ROWS.map((row) => ({
  name: row.name,
  catalogueNumbers: row.catalogueNumbers,
  sentence: row.sentence,
  stage: row.stage,
  momentary: row.momentary ?? false,
  bites: withNeeds(row).some(({ stage }) => BOOT_STAGES.has(stage)) ? 'boot' : 'attestation',
}));

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
  readonly #active = new Map<string, Row>();
  readonly #memory: FaultMemory = new Map();
  /** Momentary faults that have struck. */
  readonly #spent = new Set<string>();

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
        `There is no evidence fault ${name}${didYouMean(name, ROW_BY_NAME.keys())} Choose one of: ${[...ROW_BY_NAME.keys()].join(', ')}.`,
      );
    }
    this.#active.set(name, row);
  }

  /** Deactivates a fault, and forgets what it remembered. Nothing happens if it was not active. */
  remove(name: string): void {
    this.#active.delete(name);
    this.#memory.delete(name);
    this.#spent.delete(name);
  }

  /** Deactivates all faults. */
  clear(): void {
    this.#active.clear();
    this.#memory.clear();
    this.#spent.clear();
  }

  /** Stage 1. @param vendor the maker of the TPM, who has also a revoked authority */
  async manufacture(options: ManufactureOptions, vendor: TpmVendor): Promise<ManufactureOptions> {
    let result = options;
    for (const apply of this.#at('manufacture')) result = await apply(result, vendor);
    return result;
  }

  /** Stage 2. */
  transport(transport: TpmTransport): TpmTransport {
    return this.#rowsAt('transport').reduce((inner, row) => this.#broken(inner, row), transport);
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

  /** The hooks of a stage that is about to be gone through; momentary ones strike by it. */
  #at<Stage extends keyof Stages>(stage: Stage): Stages[Stage][] {
    return this.#rowsAt(stage).map((row) => {
      if (row.momentary) this.#spent.add(row.name);
      // A row's hook is typed by its stage (AnyFaultRow), which the compiler cannot follow through a filter.
      return row.apply as Stages[Stage];
    });
  }

  #rowsAt(stage: keyof Stages): Row[] {
    const rows = new Set([...this.#active.values()].flatMap(withNeeds));
    return [...rows].filter((row) => row.stage === stage && !this.#spent.has(row.name));
  }

  /** The way to the TPM with a fault in it; a momentary one has struck when it answered in the TPM's place. */
  #broken(inner: TpmTransport, row: Row): TpmTransport {
    const apply = row.apply as Stages['transport'];
    if (!row.momentary) return apply(inner);
    const reached = new WeakSet<Buffer>();
    const broken = apply({
      transmit: (command) => {
        reached.add(command);
        return inner.transmit(command);
      },
      close: () => inner.close(),
    });
    return {
      transmit: async (command) => {
        if (this.#spent.has(row.name)) return inner.transmit(command);
        const response = await broken.transmit(command);
        if (!reached.has(command)) this.#spent.add(row.name);
        return response;
      },
      close: () => broken.close(),
    };
  }
}

const takeQuote: TakeQuote = async ({ client, ak, qualifyingData, selection }) => ({
  ...(await client.quote({ ak: ak.handle, qualifyingData, selection })),
  akPublic: ak.publicArea,
});
