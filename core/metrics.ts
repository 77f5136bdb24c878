import { AggregatorRegistry, Counter, Gauge, Histogram, Registry } from 'prom-client';

import { DurationTally } from './duration-tally.js';

/** Bucket bounds for request durations, in seconds, from 0.1 ms to 10 s. */
const DURATION_BUCKETS = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];

/** Adds one to the number with these values of the labels. */
export interface Tally {
  (...values: string[]): void;
  /** What adds one to the number with these values, which is looked up once. */
  of(...values: string[]): () => void;
}

/** One service's metrics in a registry of its own, so that many services of one process do not mix. */
export class Metrics {
  /** For {@link renderTogether} alone. */
  protected readonly registry = new Registry();

  /** A number that only grows; `name` ends in `_total`. */
  counter<L extends string>(name: string, help: string, labelNames: readonly L[] = []): Counter<L> {
    return new Counter({ name, help, labelNames: [...labelNames], registers: [this.registry] });
  }

  /**
   * A counter for what happens many thousand times a second: what it counts is added up here, and put into the
   * registry when that is read.
   *
   * Values of labels are given in the order of their names.
   */
  tally(name: string, help: string, labelNames: readonly string[]): Tally {
    const counts = new Map<string, { readonly values: readonly string[]; count: number }>();
    new Counter({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.registry],
      collect() {
        for (const row of counts.values()) {
          if (row.count > 0) this.labels(...row.values).inc(row.count);
          row.count = 0;
        }
      },
    });
    const rowOf = (values: readonly string[]): { count: number } => {
      const key = values.join('\0');
      const row = counts.get(key) ?? { values, count: 0 };
      counts.set(key, row);
      return row;
    };
    const add = (...values: string[]): void => {
      rowOf(values).count += 1;
    };
    const of = (...values: string[]): (() => void) => {
      const row = rowOf(values);
      return () => (row.count += 1);
    };
    return Object.assign(add, { of });
  }

  /** A number that goes up and down. */
  gauge<L extends string>(name: string, help: string, labelNames: readonly L[] = []): Gauge<L> {
    return new Gauge({ name, help, labelNames: [...labelNames], registers: [this.registry] });
  }

  /** Durations in seconds; `name` ends in `_seconds`. */
  histogram<L extends string>(name: string, help: string, labelNames: readonly L[] = []): Histogram<L> {
    const buckets = DURATION_BUCKETS;
    return new Histogram({ name, help, labelNames: [...labelNames], buckets, registers: [this.registry] });
  }

  /**
   * A histogram for what happens many thousand times a second, in seconds; `name` ends in `_seconds`.
   *
   * @returns counts one duration
   */
  durations(name: string, help: string): (seconds: number) => void {
    return this.#durationTally(name, help).begin({});
  }

  /**
   * As {@link durations}, told apart by the value of one label.
   *
   * @returns counts one duration
   */
  durationsBy(label: string, name: string, help: string): (value: string, seconds: number) => void {
    const tally = this.#durationTally(name, help);
    const counting = new Map<string, (seconds: number) => void>();
    return (value, seconds) => {
      const count = counting.get(value) ?? tally.begin({ [label]: value });
      counting.set(value, count);
      count(seconds);
    };
  }

  #durationTally(name: string, help: string): DurationTally {
    const tally = new DurationTally(name, help, DURATION_BUCKETS);
    // Of its own kinds the registry asks for no more than this.
    this.registry.registerMetric(tally as unknown as Histogram);
    return tally;
  }

  /** All of it in the Prometheus text format. */
  render(): Promise<string> {
    return this.registry.metrics();
  }

  /** The metrics of several services as one text, each with the label `service`. */
  static async renderTogether(services: ReadonlyMap<string, Metrics>): Promise<string> {
    const all = await Promise.all(
      [...services].map(async ([service, { registry }]) => {
        const metrics = await registry.getMetricsAsJSON();
        for (const { values } of metrics) {
          for (const value of values) value.labels = { ...value.labels, service };
        }
        return metrics;
      }),
    );
    return AggregatorRegistry.aggregate(all).metrics();
  }
}
