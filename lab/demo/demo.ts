import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { makePrivateDir } from '../../core/data-dir.js';
import { KpsimError, errorText } from '../../core/errors.js';
import { VERSION } from '../../core/version.js';
import { nodeFileSystem, readForeignVm } from '../../host-agent/index.js';
import { rulesOf } from '../../vcenter/client.js';
import { VimFault } from '../../wire/vim25/index.js';
import type { DemoOptions } from './context.js';
import { DemoContext } from './context.js';
import type { DemoReport, Evidence, Refusal, StepReport } from './report.js';
import { PlaintextIndex } from './plaintext-index.js';
import type { DemoStep } from './step.js';
import { DEMO_STEPS } from './steps/index.js';
import { ROUTES } from './steps/names.js';

export type { DemoOptions } from './context.js';
export type * from './report.js';
export type { DemoStep } from './step.js';

/** The main job, a step at a time: whoever runs the steps can show progress as they like. */
export class Demo {
  /** What is to be done, in order; each step is to be run once. */
  readonly steps: readonly DemoStep[] = DEMO_STEPS;
  readonly #context: DemoContext;
  readonly #reports: StepReport[] = [];
  readonly #startedAt = performance.now();

  private constructor(context: DemoContext) {
    this.#context = context;
  }

  /** Makes ready; nothing is started yet. @throws KpsimError `data_dir_used`, `input_unusable`, `output_exists` */
  static async create(options: DemoOptions = {}): Promise<Demo> {
    if (options.dataDir !== undefined && existsSync(join(options.dataDir, 'lab.json'))) {
      throw new KpsimError(
        'data_dir_used',
        `${options.dataDir} holds a lab already. Give the demo a new directory, or start that lab with kpsim up --data.`,
      );
    }
    if (options.vmDirectory !== undefined) await requireVm(options.vmDirectory);
    if (options.diskImage !== undefined) await requireImage(options.diskImage);
    if (options.saveDisksTo !== undefined) await requireRoomFor(resolve(options.saveDisksTo));
    return new Demo(new DemoContext(options, await mkdtemp(join(tmpdir(), 'kpsim-demo-'))));
  }

  /** Runs one step and says how it ended; never throws. */
  async run(step: DemoStep): Promise<StepReport> {
    const startedAt = performance.now();
    const ended = await this.#outcomeOf(step);
    const report: StepReport = {
      id: step.id,
      title: step.title,
      expected: step.expected,
      ok: isExpected(step, ended),
      durationMs: Math.round(performance.now() - startedAt),
      ...ended,
    };
    this.#reports.push(report);
    return report;
  }

  /** Everything that was done so far. */
  report(): DemoReport {
    return {
      ok: this.#reports.length === this.steps.length && this.#reports.every(({ ok }) => ok),
      version: VERSION,
      topology: this.#context.hasLab ? this.#context.lab.topology.name : '',
      durationMs: Math.round(performance.now() - this.#startedAt),
      steps: this.#reports,
    };
  }

  /** Stops the lab and the taps, and removes what was made for them. */
  async stop(): Promise<void> {
    if (this.#context.hasLab) await this.#context.lab.stop();
    for (const tap of this.#context.taps.values()) await tap.close();
    await rm(this.#context.workDir, { recursive: true, force: true });
  }

  async #outcomeOf(step: DemoStep): Promise<Pick<StepReport, 'outcome' | 'evidence' | 'refusal' | 'error'>> {
    const missing = step.needs.find((id) => !this.#reports.some((report) => report.id === id && report.ok));
    if (missing !== undefined) {
      return {
        outcome: 'skipped',
        evidence: {},
        error: `It needs the step ${missing}, which did not end as expected.`,
      };
    }
    let evidence: Evidence = {};
    const note = (more: Evidence): void => {
      evidence = { ...evidence, ...more };
    };
    try {
      await step.run(this.#context, note);
      return { outcome: 'accepted', evidence };
    } catch (error) {
      if (error instanceof VimFault && rulesOf(error).length > 0) {
        return { outcome: 'refused', evidence, refusal: refusalOf(error) };
      }
      return { outcome: 'failed', evidence, error: errorText(error) };
    }
  }
}

/** Runs all of it. */
export async function runDemo(options: DemoOptions = {}): Promise<DemoReport> {
  const demo = await Demo.create(options);
  try {
    for (const step of demo.steps) await demo.run(step);
    return demo.report();
  } finally {
    await demo.stop();
  }
}

function isExpected(
  { expected }: DemoStep,
  { outcome, refusal }: Pick<StepReport, 'outcome' | 'refusal'>,
): boolean {
  if (outcome !== expected.outcome) return false;
  return expected.outcome === 'accepted' || refusal?.rules[0] === expected.rule;
}

function refusalOf(fault: VimFault): Refusal {
  const rules = rulesOf(fault);
  const remedy = fault.faultMessage.find(({ key }) => key === `kpsim.rule.${rules[0] ?? ''}`)?.arg?.remedy;
  return {
    rules,
    fault: fault.fault,
    message: fault.message,
    ...(remedy !== undefined && { remedy }),
  };
}

/* What the user named is looked at before anything is started, so that a slip of the pen costs no time. */

async function requireVm(directory: string): Promise<void> {
  const { disks } = await readForeignVm(nodeFileSystem, resolve(directory)).catch((error: unknown) => {
    throw unusableInput(
      directory,
      `${errorText(error)}. Name a directory with a .vmx and flat VMDKs.`,
      error,
    );
  });
  if (disks.length > 0) return;
  throw unusableInput(directory, 'the VM has no disk, so there is nothing to prove. Name one that has.');
}

async function requireImage(image: string): Promise<void> {
  const index = await PlaintextIndex.ofFile(image).catch((error: unknown) => {
    throw unusableInput(image, `${errorText(error)}. Name a raw disk image or a -flat.vmdk.`, error);
  });
  if (index.blocks > 0) return;
  throw unusableInput(
    image,
    'it is empty or holds nothing that could be told from noise, so there is nothing to prove. Name a disk with data on it.',
  );
}

function unusableInput(path: string, problem: string, cause?: unknown): KpsimError {
  return new KpsimError('input_unusable', `${path}: ${problem}`, { cause });
}

/** Disks are saved under the names of the demo's VMs; nothing of the user's is overwritten. */
async function requireRoomFor(directory: string): Promise<void> {
  await makePrivateDir(directory);
  const taken = (await readdir(directory)).find(
    (name) => name.endsWith('.img') && ROUTES.some(({ vm }) => name.startsWith(`${vm}-`)),
  );
  if (taken === undefined) return;
  throw new KpsimError(
    'output_exists',
    `${join(directory, taken)} exists already. Move it away, or name another directory for the disks.`,
  );
}
