import { Listr } from 'listr2';
import type { ListrTask } from 'listr2';

import type { DemoStep, StepReport } from '../../lab/demo/demo.js';
import type { CommandIo } from '../io.js';

/**
 * Runs all steps, showing each as it goes: a list that is redrawn on a terminal, a line a step elsewhere, nothing
 * for `silent`. A step that does not end as expected does not keep the others from running.
 */
export async function withProgress(
  steps: readonly DemoStep[],
  show: CommandIo | 'silent',
  run: (step: DemoStep) => Promise<StepReport>,
): Promise<void> {
  if (show === 'silent' || show.stdout.isTTY !== true) {
    for (const step of steps) {
      const report = await run(step);
      if (show !== 'silent') show.stderr.write(`${lineOf(report)}\n`);
    }
    return;
  }
  const tasks = steps.map((step): ListrTask => {
    return {
      title: step.title,
      task: async (_context, task) => {
        const report = await run(step);
        task.title = `${step.title} ${timeOf(report)}`;
        if (!report.ok) throw new Error(whatHappened(report));
      },
    };
  });
  // The report says what failed; the list goes on.
  await new Listr(tasks, { exitOnError: false, collectErrors: false, registerSignalListeners: false }).run();
}

/** What happened in a step, in a sentence. */
export function whatHappened({ outcome, refusal, error, expected }: StepReport): string {
  if (refusal) return `refused by ${refusal.rules.join(', ')}, ${refusal.fault}: ${refusal.message}`;
  if (outcome === 'accepted') {
    return expected.outcome === 'refused' ? `accepted, though ${expected.rule} forbids it` : 'done';
  }
  return `${outcome}: ${error ?? ''}`;
}

function lineOf(report: StepReport): string {
  const mark = report.ok ? 'ok  ' : 'FAIL';
  return `${mark} ${report.title} ${timeOf(report)}${report.ok ? '' : `\n     ${whatHappened(report)}`}`;
}

function timeOf({ durationMs }: StepReport): string {
  return `(${(durationMs / 1000).toFixed(1)} s)`;
}
