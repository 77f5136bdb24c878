/**
 * Response codes (TPM 2.0 Part 2 §6.6). Those from 0x100 are format 0 (they stand alone), those from 0x900
 * are warnings (try again later); those from 0x080 to 0x0bf are format 1 and are sent together with the number of
 * the handle, session or parameter they speak of.
 */
export const TPM_RC = {
  SUCCESS: 0x000,
  BAD_TAG: 0x01e,

  INITIALIZE: 0x100,
  FAILURE: 0x101,
  SEQUENCE: 0x103,
  DISABLED: 0x120,
  EXCLUSIVE: 0x121,
  AUTH_TYPE: 0x124,
  AUTH_MISSING: 0x125,
  POLICY: 0x126,
  PCR: 0x127,
  PCR_CHANGED: 0x128,
  TOO_MANY_CONTEXTS: 0x12e,
  AUTH_UNAVAILABLE: 0x12f,
  REBOOT: 0x130,
  UNBALANCED: 0x131,
  COMMAND_SIZE: 0x142,
  COMMAND_CODE: 0x143,
  AUTHSIZE: 0x144,
  AUTH_CONTEXT: 0x145,
  NV_RANGE: 0x146,
  NV_SIZE: 0x147,
  NV_LOCKED: 0x148,
  NV_AUTHORIZATION: 0x149,
  NV_UNINITIALIZED: 0x14a,
  NV_SPACE: 0x14b,
  NV_DEFINED: 0x14c,
  BAD_CONTEXT: 0x150,
  CPHASH: 0x151,
  PARENT: 0x152,
  NEEDS_TEST: 0x153,
  NO_RESULT: 0x154,
  SENSITIVE: 0x155,

  ASYMMETRIC: 0x081,
  ATTRIBUTES: 0x082,
  HASH: 0x083,
  VALUE: 0x084,
  HIERARCHY: 0x085,
  KEY_SIZE: 0x087,
  MGF: 0x088,
  MODE: 0x089,
  TYPE: 0x08a,
  HANDLE: 0x08b,
  KDF: 0x08c,
  RANGE: 0x08d,
  AUTH_FAIL: 0x08e,
  NONCE: 0x08f,
  PP: 0x090,
  SCHEME: 0x092,
  SIZE: 0x095,
  SYMMETRIC: 0x096,
  TAG: 0x097,
  SELECTOR: 0x098,
  INSUFFICIENT: 0x09a,
  SIGNATURE: 0x09b,
  KEY: 0x09c,
  POLICY_FAIL: 0x09d,
  INTEGRITY: 0x09f,
  TICKET: 0x0a0,
  RESERVED_BITS: 0x0a1,
  BAD_AUTH: 0x0a2,
  EXPIRED: 0x0a3,
  POLICY_CC: 0x0a4,
  BINDING: 0x0a5,
  CURVE: 0x0a6,
  ECC_POINT: 0x0a7,

  CONTEXT_GAP: 0x901,
  OBJECT_MEMORY: 0x902,
  SESSION_MEMORY: 0x903,
  MEMORY: 0x904,
  SESSION_HANDLES: 0x905,
  OBJECT_HANDLES: 0x906,
  LOCALITY: 0x907,
  YIELDED: 0x908,
  CANCELED: 0x909,
  TESTING: 0x90a,
  REFERENCE_H0: 0x910,
  REFERENCE_S0: 0x918,
  NV_RATE: 0x920,
  LOCKOUT: 0x921,
  RETRY: 0x922,
  NV_UNAVAILABLE: 0x923,
} as const satisfies Record<string, number>;

/** Name of a response code, without its `TPM_RC_` prefix. */
export type TpmRcName = keyof typeof TPM_RC;

/** What a response code means, and what its receiver can do about it. */
const RC_TEXTS: Partial<Record<TpmRcName, string>> = {
  BAD_TAG: 'the frame does not begin with TPM_ST_NO_SESSIONS or TPM_ST_SESSIONS',
  INITIALIZE: 'the TPM has not been started (or was started already); send TPM2_Startup once after power on',
  FAILURE: 'the TPM is in failure mode; reset it',
  AUTH_TYPE:
    'this kind of authorization is not possible for the handle; its policy must be satisfied instead',
  AUTH_MISSING: 'the command needs an authorization session; send it with TPM_ST_SESSIONS',
  AUTH_CONTEXT: 'the command takes no sessions; send it with TPM_ST_NO_SESSIONS',
  AUTHSIZE: 'the size of the authorization area is wrong',
  COMMAND_SIZE: 'the size in the header differs from the bytes received',
  COMMAND_CODE: 'the command is not implemented',
  NV_RANGE: 'the offset and size lie outside the NV index',
  NV_SIZE: 'the data does not fit the NV index',
  NV_AUTHORIZATION: 'this handle may not authorize this access to the NV index',
  NV_UNINITIALIZED: 'the NV index was never written; write it first',
  NV_SPACE: 'no room is left in NV memory; delete something with TPM2_EvictControl or TPM2_NV_UndefineSpace',
  NV_DEFINED: 'the NV index or persistent handle is taken already',
  ATTRIBUTES: 'the attributes of the object do not allow this',
  HASH: 'the hash algorithm is not supported here',
  VALUE: 'a value is out of range',
  HIERARCHY: 'the hierarchy is not right for this command',
  KEY_SIZE: 'the key size is not supported',
  TYPE: 'the type of the key is wrong for this command',
  HANDLE: 'the handle is of the wrong kind for this command',
  AUTH_FAIL: 'the authorization value is wrong; the failure counts towards the lockout',
  BAD_AUTH: 'the authorization value is wrong',
  SCHEME: 'the signing scheme is not supported or not consistent with the key',
  SIZE: 'a structure has the wrong size',
  SYMMETRIC: 'the symmetric algorithm is not supported here',
  TAG: 'a structure has the wrong tag',
  SELECTOR: 'a union selector is not supported',
  INSUFFICIENT: 'the data ends inside a structure',
  SIGNATURE: 'the signature is not valid',
  KEY: 'the key fields are not compatible with this use',
  POLICY_FAIL: 'the policy of the object is not satisfied by the session',
  INTEGRITY: 'the integrity check failed: the data was altered, or is meant for another key or TPM',
  RESERVED_BITS: 'reserved bits are set',
  POLICY_CC: 'the policy allows another command than this',
  BINDING: 'the public and the sensitive part do not belong together',
  CURVE: 'the curve is not supported',
  ECC_POINT: 'the point is not on the curve',
  OBJECT_MEMORY: 'no object slot is free; flush a transient object with TPM2_FlushContext and try again',
  SESSION_MEMORY: 'no session slot is free; flush a session with TPM2_FlushContext and try again',
  SESSION_HANDLES: 'no session handle is free; flush a session with TPM2_FlushContext and try again',
  LOCALITY: 'the command is not allowed at this locality',
  REFERENCE_H0: 'a handle refers to an object or session that is not loaded',
  REFERENCE_S0: 'a session is not loaded',
  LOCKOUT:
    'authorizations that are subject to dictionary attack protection are locked out; wait or reset the lockout',
  RETRY: 'the TPM was not able to start the command; send it again',
};

const NAME_BY_RC = new Map<number, TpmRcName>(
  (Object.keys(TPM_RC) as TpmRcName[]).map((name) => [TPM_RC[name], name]),
);

/** A response code taken apart: what it is, and which handle, session or parameter (from 1) it speaks of. */
export interface DecodedRc {
  readonly name: TpmRcName | undefined;
  readonly subject: 'handle' | 'session' | 'parameter' | undefined;
  readonly number: number;
  readonly text: string;
}

const PARAMETER_BIT = 0x040;
const SESSION_BIT = 0x800;

/** Takes a response code apart (TPM 2.0 Part 2 §6.6.2). */
export function decodeRc(rc: number): DecodedRc {
  if ((rc & 0x080) === 0) {
    const standing = NAME_BY_RC.get(rc) ?? (rc >= 0x910 && rc <= 0x916 ? 'REFERENCE_H0' : undefined);
    return { name: standing, subject: undefined, number: 0, text: textOf(standing) };
  }
  const name = NAME_BY_RC.get(rc & 0x0bf);
  const number = (rc >>> 8) & ((rc & PARAMETER_BIT) === 0 ? 0x7 : 0xf);
  const subject =
    number === 0
      ? undefined
      : (rc & PARAMETER_BIT) !== 0
        ? 'parameter'
        : (rc & SESSION_BIT) !== 0
          ? 'session'
          : 'handle';
  return { name, subject, number, text: textOf(name) };
}

/** True for the codes that may be sent with the number of a handle, session or parameter. */
export function isFormatOne(rc: number): boolean {
  return rc > 0 && rc < 0x100 && (rc & 0x080) !== 0;
}

/** The code `rc` about the parameter `number` (from 1). */
export function parameterRc(rc: number, number: number): number {
  return rc | PARAMETER_BIT | (number << 8);
}

/** The code `rc` about the handle `number` (from 1). */
export function handleRc(rc: number, number: number): number {
  return rc | (number << 8);
}

/** The code `rc` about the session `number` (from 1). */
export function sessionRc(rc: number, number: number): number {
  return rc | SESSION_BIT | (number << 8);
}

function textOf(name: TpmRcName | undefined): string {
  return (name === undefined ? undefined : RC_TEXTS[name]) ?? 'see TPM 2.0 Part 2 §6.6';
}
