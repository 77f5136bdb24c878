import type { CommandName } from '../../../wire/tpm2/index.js';
import type { CommandHandler } from '../command-call.js';
import { activateCredential } from './activate-credential.js';
import { certify } from './certify.js';
import { contextLoad, contextSave } from './context.js';
import { createPrimary } from './create-primary.js';
import { create } from './create.js';
import { dictionaryAttackLockReset } from './dictionary-attack-lock-reset.js';
import { evictControl } from './evict-control.js';
import { flushContext } from './flush-context.js';
import { getCapability } from './get-capability.js';
import { getRandom, stirRandom } from './get-random.js';
import { getTime } from './get-time.js';
import { hash } from './hash.js';
import { hierarchyChangeAuth } from './hierarchy-change-auth.js';
import { loadExternal } from './load-external.js';
import { load } from './load.js';
import { makeCredentialCommand } from './make-credential.js';
import { nvDefineSpace, nvRead, nvReadPublic, nvUndefineSpace, nvWrite } from './nv.js';
import { pcrEvent, pcrExtend, pcrRead, pcrReset } from './pcr-commands.js';
import { policyCommandCode } from './policy-command-code.js';
import { policyOr } from './policy-or.js';
import { policyPcr } from './policy-pcr.js';
import { policySecret } from './policy-secret.js';
import { policyAuthValue, policyGetDigest, policyRestart } from './policy-session-commands.js';
import { quote } from './quote.js';
import { readClock } from './read-clock.js';
import { readPublic } from './read-public.js';
import { getTestResult, selfTest } from './self-test.js';
import { shutdown } from './shutdown.js';
import { sign } from './sign.js';
import { startAuthSession } from './start-auth-session.js';
import { startup } from './startup.js';
import { unseal } from './unseal.js';
import { verifySignatureCommand } from './verify-signature.js';

/** What carries out each command. */
export const COMMAND_HANDLERS: Readonly<Record<CommandName, CommandHandler>> = {
  ActivateCredential: activateCredential,
  Certify: certify,
  ContextLoad: contextLoad,
  ContextSave: contextSave,
  Create: create,
  CreatePrimary: createPrimary,
  DictionaryAttackLockReset: dictionaryAttackLockReset,
  EvictControl: evictControl,
  FlushContext: flushContext,
  GetCapability: getCapability,
  GetRandom: getRandom,
  GetTestResult: getTestResult,
  GetTime: getTime,
  Hash: hash,
  HierarchyChangeAuth: hierarchyChangeAuth,
  Load: load,
  LoadExternal: loadExternal,
  MakeCredential: makeCredentialCommand,
  NV_DefineSpace: nvDefineSpace,
  NV_Read: nvRead,
  NV_ReadPublic: nvReadPublic,
  NV_UndefineSpace: nvUndefineSpace,
  NV_Write: nvWrite,
  PCR_Event: pcrEvent,
  PCR_Extend: pcrExtend,
  PCR_Read: pcrRead,
  PCR_Reset: pcrReset,
  PolicyAuthValue: policyAuthValue,
  PolicyCommandCode: policyCommandCode,
  PolicyGetDigest: policyGetDigest,
  PolicyOR: policyOr,
  PolicyPCR: policyPcr,
  PolicyRestart: policyRestart,
  PolicySecret: policySecret,
  Quote: quote,
  ReadClock: readClock,
  ReadPublic: readPublic,
  SelfTest: selfTest,
  Shutdown: shutdown,
  Sign: sign,
  StartAuthSession: startAuthSession,
  Startup: startup,
  StirRandom: stirRandom,
  Unseal: unseal,
  VerifySignature: verifySignatureCommand,
};
