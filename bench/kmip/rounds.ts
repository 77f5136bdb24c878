import type { LoadGenerator } from './load-generator.js';
import type { Measured } from './load-protocol.js';
import type { ServerProcess } from './server-process.js';

/** One side of a comparison. */
export interface Side {
  /** As the load generator knows it. */
  readonly target: string;
  readonly server: ServerProcess;
  readonly requests: readonly Buffer[];
}

/** How long a comparison takes. */
export interface RoundOptions {
  readonly rounds: number;
  readonly roundMs: number;
  readonly warmUpMs: number;
}

/** Medians over all rounds of one side. */
export interface SideResult {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Processor time of the server per request, in microseconds; undefined where the system does not tell. */
  readonly cpuMicroseconds: number | undefined;
  /** Processor time of the process that loads per request, in microseconds. */
  readonly loadCpuMicroseconds: number;
  readonly cipher: string;
}

/** Two servers under the same load. */
export interface Comparison {
  readonly left: SideResult;
  readonly right: SideResult;
  /** Left's rate over right's: the median of the rounds' own ratios. */
  readonly ratio: number;
  /** The ratios of the rounds, lowest first. */
  readonly ratios: readonly number[];
}

interface Round {
  readonly measured: Measured;
  readonly cpuSeconds: number | undefined;
}

/**
 * Loads two servers in turn, A B, B A, A B, …: what else the machine does meets both, and each ratio is one of
 * neighbours.
 */
export async function compare(
  load: LoadGenerator,
  left: Side,
  right: Side,
  { rounds, roundMs, warmUpMs }: RoundOptions,
): Promise<Comparison> {
  for (const side of [left, right]) await measured(load, side, warmUpMs);
  const lefts: Round[] = [];
  const rights: Round[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const leftFirst = round % 2 === 0;
    if (leftFirst) lefts.push(await measured(load, left, roundMs));
    rights.push(await measured(load, right, roundMs));
    if (!leftFirst) lefts.push(await measured(load, left, roundMs));
  }
  const ratios = lefts.map((one, index) => rateOf(one) / rateOf(rights[index] ?? one));
  ratios.sort((one, other) => one - other);
  return { left: resultOf(lefts), right: resultOf(rights), ratio: median(ratios), ratios };
}

/** The middle one; of an even number the lower of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[(sorted.length - 1) >> 1] ?? NaN;
}

async function measured(load: LoadGenerator, side: Side, milliseconds: number): Promise<Round> {
  const before = side.server.cpuSeconds();
  const result = await load.measure(side.target, { requests: side.requests, milliseconds });
  const after = side.server.cpuSeconds();
  return {
    measured: result,
    cpuSeconds: before === undefined || after === undefined ? undefined : after - before,
  };
}

function rateOf({ measured: { responses, seconds } }: Round): number {
  return responses / seconds;
}

function resultOf(rounds: readonly Round[]): SideResult {
  const cpu = rounds.flatMap(({ cpuSeconds, measured: { responses } }) =>
    cpuSeconds === undefined ? [] : [(cpuSeconds / responses) * 1e6],
  );
  return {
    requestsPerSecond: median(rounds.map(rateOf)),
    p50Ms: median(rounds.map(({ measured: { latency } }) => latency.p50)),
    p99Ms: median(rounds.map(({ measured: { latency } }) => latency.p99)),
    cpuMicroseconds: cpu.length === 0 ? undefined : median(cpu),
    loadCpuMicroseconds: median(
      rounds.map(({ measured: { cpuSeconds, responses } }) => (cpuSeconds / responses) * 1e6),
    ),
    cipher: rounds[0]?.measured.cipher ?? '',
  };
}
