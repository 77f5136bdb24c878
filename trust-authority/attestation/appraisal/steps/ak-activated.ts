import { objectName } from '../../../../wire/tpm2/index.js';
import { valueOf } from '../material.js';
import { LACKING, failed, passed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** The key that signed is the one the credential was made for. */
export const akActivated: AppraisalStep = {
  name: 'ak_activated',
  check({ challenge, akPublic }) {
    const area = valueOf(akPublic);
    if (!challenge || !area) return LACKING;
    const actual = objectName(area).toString('hex');
    const shown = { expected: `name ${challenge.state.akNameHex}`, actual: `name ${actual}` };
    return actual === challenge.state.akNameHex ? passed(shown) : failed('ak_not_activated', shown);
  },
};
