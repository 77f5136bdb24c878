import { commandSuite } from '../host-agent/tpm/command-suite.js';
import { describeWith } from './requires.js';
import { SWTPM } from './swtpm.js';

describeWith(SWTPM, 'the same tests of commands, on swtpm', () => {
  commandSuite('swtpm');
});
