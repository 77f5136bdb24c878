import { TPM_RC, TpmError, kdfA } from '../../../wire/tpm2/index.js';
import type { CommandHandler } from '../command-call.js';

/** TPM2_SelfTest (TPM 2.0 Part 3 §10.2): tests that KDFa gives what it must; the rest is node:crypto's own. */
export const selfTest: CommandHandler = (_device, call) => {
  call.parameter((reader) => reader.yesNo());
  call.end();
  if (!selfTestPasses()) throw new TpmError(TPM_RC.FAILURE);
  return {};
};

/** TPM2_GetTestResult (TPM 2.0 Part 3 §10.4). */
export const getTestResult: CommandHandler = (_device, call) => {
  call.end();
  const testResult = selfTestPasses() ? TPM_RC.SUCCESS : TPM_RC.FAILURE;
  return { parameters: (writer) => writer.sized(Buffer.alloc(0)).u32(testResult) };
};

function selfTestPasses(): boolean {
  const derived = kdfA('SHA256', Buffer.from('yolo\0'), {
    label: 'IDENTITY',
    contextU: Buffer.from('kek\0'),
    contextV: Buffer.from('yoyo\0'),
    bits: 128,
  });
  return derived.toString('hex') === 'd2d72cc7a8a5eb09e8c79012e2da9f22';
}
