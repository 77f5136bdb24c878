import { testCasesOf } from './run-cases.js';

testCasesOf('oasis-1.4/mandatory');
testCasesOf('oasis-1.4/optional');
