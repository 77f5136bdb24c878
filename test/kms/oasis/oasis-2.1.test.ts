import { testCasesOf } from './run-cases.js';

testCasesOf('oasis-2.1/mandatory');
testCasesOf('oasis-2.1/optional');
