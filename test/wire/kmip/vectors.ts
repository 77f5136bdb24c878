import { readFileSync } from 'node:fs';

/** One message of the OASIS KMIP 1.1 test cases. */
export interface TestCaseMessage {
  readonly case: string;
  readonly title: string;
  readonly dir: 'request' | 'response';
  readonly operations: readonly string[];
  readonly summary: string;
  readonly hex: string;
  readonly resultStatus?: readonly number[];
  readonly resultReason?: readonly number[];
}

/** One encoding example of the specification. */
export interface EncodingExample {
  readonly description: string;
  readonly hex: string;
}

function load(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../../vectors/kmip/${name}`, import.meta.url), 'utf8'));
}

/** All messages of the OASIS KMIP 1.1 test cases, in their order. */
export function testCaseMessages(): readonly TestCaseMessage[] {
  return (load('oasis-1.1-testcases.json') as { messages: readonly TestCaseMessage[] }).messages;
}

/** The encoding examples of KMIP 1.1 §9.1.2. */
export function encodingExamples(): readonly EncodingExample[] {
  return (load('spec-encoding-examples.json') as { vectors: readonly EncodingExample[] }).vectors;
}
