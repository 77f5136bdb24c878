import type { CommandHandler } from '../command-call.js';
import { extendPolicy, policySession } from '../policy.js';

/** TPM2_PolicyAuthValue (TPM 2.0 Part 3 §23.17): the policy demands the authorization value of the entity that it is used on. */
export const policyAuthValue: CommandHandler = (device, call) => {
  const session = policySession(device, call.handle(1), 1);
  call.end();
  extendPolicy(session, 'PolicyAuthValue', Buffer.alloc(0));
  session.authValueNeeded = true;
  session.passwordNeeded = false;
  return {};
};

/** TPM2_PolicyGetDigest (TPM 2.0 Part 3 §23.19). */
export const policyGetDigest: CommandHandler = (device, call) => {
  const { policyDigest } = policySession(device, call.handle(1), 1);
  call.end();
  return { parameters: (writer) => writer.sized(policyDigest) };
};

/** TPM2_PolicyRestart (TPM 2.0 Part 3 §11.2). */
export const policyRestart: CommandHandler = (device, call) => {
  const session = policySession(device, call.handle(1), 1);
  call.end();
  session.restartPolicy();
  return {};
};
