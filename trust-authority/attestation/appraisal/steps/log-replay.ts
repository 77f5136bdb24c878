import { JUDGED_BANK, judgedPcrs, valueOf } from '../material.js';
import { LACKING, failed, passed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** Everything in the log was measured and everything measured is in the log, PCR by PCR. */
export const logReplay: AppraisalStep = {
  name: 'log_replay',
  check(material) {
    const replayed = valueOf(material.replayed);
    const values = material.pcrValues.get(JUDGED_BANK);
    const judged = judgedPcrs(material);
    if (!replayed || !values || judged.size === 0) return LACKING;
    const differing: { readonly pcr: number; readonly quoted: Buffer; readonly logged: Buffer }[] = [];
    for (const pcr of [...judged].sort((one, other) => one - other)) {
      const quoted = values.get(pcr);
      const logged = replayed.get(pcr);
      if (!quoted || !logged) return LACKING;
      if (!quoted.equals(logged)) differing.push({ pcr, quoted, logged });
    }
    if (differing.length === 0) {
      const pcrs = `${judged.size} PCRs`;
      return passed({ expected: `${pcrs} as quoted`, actual: `${pcrs} as logged` });
    }
    return failed('log_replay_mismatch', {
      expected: differing.map(({ pcr, quoted }) => pcrText(pcr, quoted)).join(', '),
      actual: differing.map(({ pcr, logged }) => pcrText(pcr, logged)).join(', '),
    });
  },
};

function pcrText(pcr: number, value: Buffer): string {
  return `PCR ${pcr} ${value.toString('hex')}`;
}
