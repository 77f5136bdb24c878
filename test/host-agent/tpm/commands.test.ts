import { describe } from 'vitest';

import { commandSuite } from './command-suite.js';

describe('commands of the software TPM', () => {
  commandSuite('software');
});
