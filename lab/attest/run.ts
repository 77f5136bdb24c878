import type { AdjustableClock } from '../../core/clock.js';
import { didYouMean } from '../../core/config/nearest.js';
import { KpsimError, errorText } from '../../core/errors.js';
import type { Logger } from '../../core/logging.js';
import {
  ATTESTATION_REASONS,
  SCENARIO_NAMES,
  isAttestationReason,
  isScenarioName,
  reasonRow,
  scenarioRow,
} from '../../wire/attestation/index.js';
import type { AttestationReason, Expected, ReasonRow, ScenarioName } from '../../wire/attestation/index.js';
import type { Observed } from './observed.js';
import type { Mend } from './play.js';
import { playOf } from './plays/index.js';
import { Stage } from './stage.js';
import type { StageTpm } from './stage.js';

/** What came of one scenario. */
export interface ScenarioResult {
  readonly name: ScenarioName;
  /** Numbers in the catalogue of attestation failures. */
  readonly catalogue: readonly number[];
  readonly expected: Expected;
  /** `error`: it could not be played to its end, and `message` says why. */
  readonly outcome: 'passes' | 'refused' | 'error';
  /** The reason code that was given; absent unless it was refused. */
  readonly reason?: string;
  /** The step at which it was refused. */
  readonly step?: string;
  readonly severity?: ReasonRow['severity'];
  /** Whether the reason says that attesting again helps. */
  readonly recoverable?: boolean;
  /** Whether attesting again did help, with nobody changing anything; absent unless it was refused. */
  readonly recovered?: boolean;
  /** Reason, step and recovery are exactly those of the catalogue. */
  readonly asExpected: boolean;
  /** What was said to people. */
  readonly message?: string;
  readonly ms: number;
}

/** Choices for {@link runScenarios}. */
export interface RunOptions {
  /** The hosts' TPMs; the built-in one unless told. */
  readonly tpm?: StageTpm | undefined;
  /** Moved by scenarios, and put back by them. */
  readonly clock?: AdjustableClock | undefined;
  readonly log?: Logger | undefined;
  /** Told of each result as it comes. */
  readonly onResult?: ((result: ScenarioResult) => void) | undefined;
  /** Ends the run before the next scenario. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Plays scenarios one after the other on one stage, and says of each what came of it.
 *
 * @param names as {@link chosenScenarios} takes them
 * @throws KpsimError `scenario_unknown`, or of what the stage cannot be built with, for example `tpm_unavailable`
 */
export async function runScenarios(
  names: readonly string[] = [],
  options: RunOptions = {},
): Promise<readonly ScenarioResult[]> {
  const chosen = chosenScenarios(names);
  await using stages = new ScenarioStage(options);
  const results: ScenarioResult[] = [];
  for (const name of chosen) {
    if (options.signal?.aborted) break;
    const result = await stages.play(name);
    results.push(result);
    options.onResult?.(result);
  }
  return results;
}

/** Two unknown words are never as expected, however equal. */
function isExpected(expected: Expected, reason: string, row: ReasonRow | undefined): boolean {
  return row !== undefined && expected.outcome === 'refused' && reason === expected.reason;
}

/**
 * The scenarios that are meant, each once; all of them if none is named.
 *
 * @param words names, and reason codes and numbers of the catalogue for all scenarios that have them
 * @throws KpsimError `scenario_unknown`
 */
export function chosenScenarios(words: readonly string[]): readonly ScenarioName[] {
  if (words.length === 0) return SCENARIO_NAMES;
  return [...new Set(words.flatMap(scenariosMeant))];
}

const KNOWN_WORDS = [...SCENARIO_NAMES, ...Object.keys(ATTESTATION_REASONS)];

/** @throws KpsimError `scenario_unknown` */
function scenariosMeant(word: string): readonly ScenarioName[] {
  if (isScenarioName(word)) return [word];
  const found = SCENARIO_NAMES.filter((name) => {
    const { catalogue, expected } = scenarioRow(name);
    return catalogue.some((number) => String(number) === word) || reasonOf(expected) === word;
  });
  if (found.length > 0) return found;
  throw new KpsimError(
    'scenario_unknown',
    `There is no attestation scenario ${JSON.stringify(word.slice(0, 100))}${didYouMean(word, KNOWN_WORDS)} kpsim attest faults lists their names, reason codes and numbers.`,
  );
}

function reasonOf(expected: Expected): AttestationReason | undefined {
  return expected.outcome === 'refused' ? expected.reason : undefined;
}

/** A stage for one scenario after the other; it is built with the first, and anew after one that could not be mended. */
export class ScenarioStage implements AsyncDisposable {
  readonly #options: RunOptions;
  #stage: Stage | undefined;

  constructor(options: RunOptions = {}) {
    this.#options = options;
  }

  /** Plays one scenario. A scenario that cannot be played is a result, a stage that cannot be built is an error. */
  async play(name: ScenarioName): Promise<ScenarioResult> {
    const { tpm = 'software', clock, log } = this.#options;
    const stage = (this.#stage ??= await Stage.build({ tpm, clock, log }));
    const began = performance.now();
    const seen = await this.#seen(name, stage);
    return resultOf(name, seen, Math.round(performance.now() - began));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const stage = this.#stage;
    this.#stage = undefined;
    await stage?.stop();
  }

  async #seen(name: ScenarioName, stage: Stage): Promise<Seen> {
    const undos: Parameters<Mend>[0][] = [];
    try {
      return await attempts(name, stage, (undo) => void undos.push(undo));
    } catch (error) {
      return { outcome: 'error', message: errorText(error) };
    } finally {
      await this.#mend(undos);
    }
  }

  /** What cannot be put back would be a second cause in all scenarios to come. */
  async #mend(undos: readonly Parameters<Mend>[0][]): Promise<void> {
    let failed = false;
    for (const undo of undos.toReversed()) {
      try {
        await undo();
      } catch (error) {
        failed = true;
        this.#options.log?.warn({ err: error }, 'the stage cannot be mended and is built anew');
      }
    }
    if (failed) await this[Symbol.asyncDispose]();
  }
}

type Seen =
  | { readonly outcome: 'error'; readonly message: string }
  | Extract<Observed, { outcome: 'passes' }>
  | (Extract<Observed, { outcome: 'refused' }> & { readonly recovered: boolean });

async function attempts(name: ScenarioName, stage: Stage, mend: Mend): Promise<Seen> {
  const play = playOf(name);
  if (!play) throw new KpsimError('scenario_unplayed', 'Nobody has written how this scenario is played.');
  const act = await play(stage, mend);
  const first = await act.attempt();
  if (first.outcome === 'passes') return first;
  await act.meanwhile?.();
  const second = await act.attempt();
  return { ...first, recovered: second.outcome === 'passes' };
}

function resultOf(name: ScenarioName, seen: Seen, ms: number): ScenarioResult {
  const { catalogue, expected } = scenarioRow(name);
  const base = { name, catalogue, expected, outcome: seen.outcome, ms };
  if (seen.outcome === 'passes') return { ...base, asExpected: expected.outcome === 'passes' };
  if (seen.outcome === 'error') return { ...base, asExpected: false, message: seen.message };
  const { reason, step, message, recovered } = seen;
  const row = isAttestationReason(reason) ? reasonRow(reason) : undefined;
  return {
    ...base,
    reason,
    ...(step !== undefined && { step }),
    ...(row && { severity: row.severity, recoverable: row.recoverable }),
    recovered,
    asExpected: isExpected(expected, reason, row) && step === row?.step && recovered === row?.recoverable,
    message,
  };
}
