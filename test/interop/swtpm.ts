import { runs } from './requires.js';
import type { Requirement } from './requires.js';

/** swtpm, which other people wrote over the TCG's reference implementation: it judges our TPM. */
export const SWTPM: Requirement = {
  name: 'swtpm',
  found: runs('swtpm', '--version'),
  install: 'apt-get install swtpm',
};

/** tpm2-tools, the usual programs for a TPM. */
export const TPM2_TOOLS: Requirement = {
  name: 'tpm2-tools',
  found: runs('tpm2', '--version'),
  install: 'apt-get install tpm2-tools',
};
