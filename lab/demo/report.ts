/** What a step is to end in. */
export type Expectation =
  | { readonly outcome: 'accepted' }
  /** Refused with the fault of that migration rule, for example `XVC-3`. */
  | { readonly outcome: 'refused'; readonly rule: string };

/** Measured facts of a step, by name; counts, digests (hex) and sizes in bytes. */
export type Evidence = Readonly<Record<string, string | number | boolean | readonly string[]>>;

/** A refusal as it came over the wire. */
export interface Refusal {
  /** Numbers of the rules that the fault names, the one that refused first. */
  readonly rules: readonly string[];
  /** Name of the vim25 fault. */
  readonly fault: string;
  readonly message: string;
  /** What to do about it; absent where the fault does not say. */
  readonly remedy?: string;
}

/** How a step ended. */
export interface StepReport {
  readonly id: string;
  readonly title: string;
  readonly expected: Expectation;
  /** `skipped`: a step that it needs did not end as expected. */
  readonly outcome: 'accepted' | 'refused' | 'failed' | 'skipped';
  /** Whether the outcome is the one expected. */
  readonly ok: boolean;
  readonly durationMs: number;
  readonly evidence: Evidence;
  /** Present if refused. */
  readonly refusal?: Refusal;
  /** Why it failed or was skipped. */
  readonly error?: string;
}

/** What `kpsim demo --json` prints. Fields are only ever added. */
export interface DemoReport {
  /** Whether every step ended as expected. */
  readonly ok: boolean;
  /** Version of kpsim. */
  readonly version: string;
  readonly topology: string;
  readonly durationMs: number;
  readonly steps: readonly StepReport[];
}
