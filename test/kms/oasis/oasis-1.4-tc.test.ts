import { testCasesOf } from './run-cases.js';

testCasesOf('oasis-1.4/tc');
