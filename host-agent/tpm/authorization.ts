import { createHash, createHmac } from 'node:crypto';
import { equalSecrets } from '../../core/secret.js';
import {
  HASH_ALGORITHMS,
  TPMA_NV,
  TPMA_OBJECT,
  TPMA_SESSION,
  TPM_CC,
  TPM_HT,
  TPM_RC,
  TPM_RH,
  TpmError,
  handleRc,
  handleTypeOf,
  sessionRc,
} from '../../wire/tpm2/index.js';
import type {
  AuthCommand,
  AuthResponse,
  AuthRole,
  CommandName,
  CommandRow,
  TpmCommandFrame,
} from '../../wire/tpm2/index.js';
import type { TpmDevice } from './device.js';
import type { TpmSession } from './session.js';
import { trimmedAuth } from './tpm-object.js';

const NOTHING = Buffer.alloc(0);

/** How an entity can be authorized. */
interface EntityAuth {
  readonly authValue: Buffer;
  readonly authPolicy: Buffer;
  /** Whether the authorization value may be used in each role. */
  readonly valueAllowed: Readonly<Record<Exclude<AuthRole, 'none'>, boolean>>;
  /** Whether its policy may be used. */
  readonly policyAllowed: boolean;
  /** Whether failures count towards the lockout, or are the lockout authority's own. */
  readonly protectedFromGuessing: boolean;
}

/** One authorization of a command that has been checked. */
export interface CheckedAuth {
  readonly auth: AuthCommand;
  /** undefined for a password. */
  readonly session: TpmSession | undefined;
  /** The handle that it authorizes; undefined for a session that only encrypts. */
  readonly entity: number | undefined;
}

/** How each command may be authorized by the NV index that it acts on (TPM 2.0 Part 2 §13.4); others by both. */
const NV_ACCESS: Readonly<Partial<Record<CommandName, { readonly auth: number; readonly policy: number }>>> =
  {
    NV_Read: { auth: TPMA_NV.AUTHREAD, policy: TPMA_NV.POLICYREAD },
    NV_Write: { auth: TPMA_NV.AUTHWRITE, policy: TPMA_NV.POLICYWRITE },
  };

/** @param command for which it is asked; what an NV index allows depends on it */
function entityAuthOf(
  device: TpmDevice,
  handle: number,
  position: number,
  command?: CommandName,
): EntityAuth {
  const always = { USER: true, ADMIN: true };
  const open = {
    authPolicy: NOTHING,
    valueAllowed: always,
    policyAllowed: true,
    protectedFromGuessing: false,
  };
  switch (handleTypeOf(handle)) {
    case TPM_HT.PCR:
      return { ...open, authValue: NOTHING };
    case TPM_HT.NV_INDEX: {
      const { publicArea, authValue } = device.nvIndex(handle, position);
      const { attributes, authPolicy } = publicArea;
      const access = command === undefined ? undefined : NV_ACCESS[command];
      const allows = (bit: number | undefined): boolean => bit === undefined || (attributes & bit) !== 0;
      return {
        authValue,
        authPolicy,
        valueAllowed: { USER: allows(access?.auth), ADMIN: true },
        policyAllowed: allows(access?.policy),
        protectedFromGuessing: (attributes & TPMA_NV.NO_DA) === 0,
      };
    }
    case TPM_HT.TRANSIENT:
    case TPM_HT.PERSISTENT: {
      const object = device.object(handle, position);
      return {
        authValue: object.authValue,
        authPolicy: object.publicArea.authPolicy,
        valueAllowed: {
          USER: object.has(TPMA_OBJECT.USER_WITH_AUTH),
          ADMIN: !object.has(TPMA_OBJECT.ADMIN_WITH_POLICY),
        },
        policyAllowed: true,
        protectedFromGuessing: !object.has(TPMA_OBJECT.NO_DA),
      };
    }
    default: {
      const authValue = hierarchyAuthOf(device, handle);
      if (authValue === undefined) throw new TpmError(handleRc(TPM_RC.VALUE, position));
      return { ...open, authValue, protectedFromGuessing: handle === TPM_RH.LOCKOUT };
    }
  }
}

function hierarchyAuthOf(device: TpmDevice, handle: number): Buffer | undefined {
  const { auths } = device.permanent;
  switch (handle) {
    case TPM_RH.OWNER:
      return auths.OWNER;
    case TPM_RH.ENDORSEMENT:
      return auths.ENDORSEMENT;
    case TPM_RH.LOCKOUT:
      return auths.LOCKOUT;
    case TPM_RH.PLATFORM:
      return device.platformAuth;
    case TPM_RH.NULL:
      return NOTHING;
    default:
      return undefined;
  }
}

/** The authorization value of an entity; empty if there is none. @throws TpmError if the handle is unknown */
export function authValueOf(device: TpmDevice, handle: number): Buffer {
  return entityAuthOf(device, handle, 1).authValue;
}

/**
 * Checks every authorization of a command (TPM 2.0 Part 1 §19.4).
 *
 * @throws TpmError TPM_RC_AUTH_MISSING, TPM_RC_AUTH_FAIL, TPM_RC_BAD_AUTH, TPM_RC_AUTH_UNAVAILABLE, TPM_RC_LOCKOUT, …
 */
export function checkAuthorizations(device: TpmDevice, frame: TpmCommandFrame): CheckedAuth[] {
  const row: CommandRow = TPM_CC[frame.name];
  const roles = row.handles.filter((role) => role !== 'none');
  if (frame.sessions.length < roles.length) throw new TpmError(TPM_RC.AUTH_MISSING);
  if (frame.sessions.length === 0) return [];
  const checked = frame.sessions.map((auth, index): CheckedAuth => {
    const position = index + 1;
    const entity = index < roles.length ? frame.handles[index] : undefined;
    return { auth, session: sessionOf(device, auth, entity, position), entity };
  });
  checkCipherSessions(row, checked);
  const cpHash = cpHashCache(device, frame);
  checked.forEach((one, index) => {
    const role = roles[index];
    if (one.entity !== undefined && role !== undefined) {
      checkEntity(device, frame, checked, one, { role, position: index + 1, entity: one.entity, cpHash });
    } else if (one.session !== undefined) {
      const expected = commandHmac(
        one.session,
        one.auth,
        one.session.sessionKey,
        cpHash(one.session),
        checked,
      );
      if (!equalSecrets(expected, one.auth.hmac)) throw new TpmError(sessionRc(TPM_RC.AUTH_FAIL, index + 1));
    }
  });
  return checked;
}

function sessionOf(
  device: TpmDevice,
  auth: AuthCommand,
  entity: number | undefined,
  position: number,
): TpmSession | undefined {
  if (auth.sessionHandle === TPM_RH.PW) {
    if (entity === undefined) throw new TpmError(sessionRc(TPM_RC.HANDLE, position));
    if ((auth.attributes & ~TPMA_SESSION.CONTINUE_SESSION) !== 0) {
      throw new TpmError(sessionRc(TPM_RC.ATTRIBUTES, position));
    }
    return undefined;
  }
  const type = handleTypeOf(auth.sessionHandle);
  if (type !== TPM_HT.HMAC_SESSION && type !== TPM_HT.POLICY_SESSION) {
    throw new TpmError(sessionRc(TPM_RC.VALUE, position));
  }
  const session = device.sessions.get(auth.sessionHandle);
  if (session === undefined) throw new TpmError(TPM_RC.REFERENCE_S0 + position - 1);
  // Sessions for audit are not offered; those for encryption are.
  const audit = TPMA_SESSION.AUDIT | TPMA_SESSION.AUDIT_EXCLUSIVE | TPMA_SESSION.AUDIT_RESET;
  const cipher = TPMA_SESSION.DECRYPT | TPMA_SESSION.ENCRYPT;
  const idle = entity === undefined && (auth.attributes & cipher) === 0;
  if ((auth.attributes & audit) !== 0 || idle) throw new TpmError(sessionRc(TPM_RC.ATTRIBUTES, position));
  return session;
}

function checkCipherSessions(row: CommandRow, checked: readonly CheckedAuth[]): void {
  let seen = 0;
  checked.forEach(({ auth, session }, index) => {
    for (const bit of [TPMA_SESSION.DECRYPT, TPMA_SESSION.ENCRYPT] as const) {
      if ((auth.attributes & bit) === 0) continue;
      const able = bit === TPMA_SESSION.DECRYPT ? row.encryptableCommand : row.encryptableResponse;
      if ((seen & bit) !== 0 || able !== true) throw new TpmError(sessionRc(TPM_RC.ATTRIBUTES, index + 1));
      if (session?.symmetric === undefined) throw new TpmError(sessionRc(TPM_RC.SYMMETRIC, index + 1));
      seen |= bit;
    }
  });
}

interface EntityCheck {
  readonly role: Exclude<AuthRole, 'none'>;
  readonly position: number;
  readonly entity: number;
  readonly cpHash: (session: TpmSession) => Buffer;
}

function checkEntity(
  device: TpmDevice,
  frame: TpmCommandFrame,
  all: readonly CheckedAuth[],
  one: CheckedAuth,
  check: EntityCheck,
): void {
  const { auth, session } = one;
  const entityAuth = entityAuthOf(device, check.entity, check.position, frame.name);
  if (session?.type === 'TRIAL') throw new TpmError(sessionRc(TPM_RC.ATTRIBUTES, check.position));
  const byPolicy = session?.type === 'POLICY';
  const allowed = byPolicy ? entityAuth.policyAllowed : entityAuth.valueAllowed[check.role];
  if (!allowed) throw new TpmError(TPM_RC.AUTH_UNAVAILABLE);
  const valueNeeded = !byPolicy || session.authValueNeeded || session.passwordNeeded;
  if (valueNeeded && entityAuth.protectedFromGuessing && isLockedOut(device, check.entity))
    throw new TpmError(TPM_RC.LOCKOUT);
  if (byPolicy) checkPolicy(device, frame, session, entityAuth.authPolicy, check);
  const expected =
    session === undefined || session.passwordNeeded
      ? entityAuth.authValue
      : commandHmac(
          session,
          auth,
          keyOf(session, entityAuth.authValue, boundOf(device, check.entity)),
          check.cpHash(session),
          all,
        );
  // A password is compared without the zeros at its end, as authorization values are kept.
  const given = session === undefined || session.passwordNeeded ? trimmedAuth(auth.hmac) : auth.hmac;
  // Two empty values hold no secret; most hierarchies and keys have one, and hashing them would cost the most.
  if (expected.length + given.length === 0 || equalSecrets(expected, given)) return;
  if (!valueNeeded || !entityAuth.protectedFromGuessing)
    throw new TpmError(sessionRc(TPM_RC.BAD_AUTH, check.position));
  if (check.entity === TPM_RH.LOCKOUT) device.lockoutAuthUsable = false;
  else device.countAuthFailure();
  throw new TpmError(sessionRc(TPM_RC.AUTH_FAIL, check.position));
}

/** The lockout authority is who ends a lockout, and has one of its own (TPM 2.0 Part 1, "Dictionary Attack Protection"). */
function isLockedOut(device: TpmDevice, entity: number): boolean {
  return entity === TPM_RH.LOCKOUT ? !device.lockoutAuthUsable : device.inLockout;
}

function checkPolicy(
  device: TpmDevice,
  frame: TpmCommandFrame,
  session: TpmSession,
  authPolicy: Buffer,
  check: EntityCheck,
): void {
  const { position } = check;
  if (session.expiresAtMs !== undefined && device.timeMs > session.expiresAtMs) {
    throw new TpmError(sessionRc(TPM_RC.EXPIRED, position));
  }
  if (session.policyCommand !== undefined && session.policyCommand !== frame.name) {
    throw new TpmError(sessionRc(TPM_RC.POLICY_CC, position));
  }
  if (authPolicy.length === 0 || !authPolicy.equals(session.policyDigest)) {
    throw new TpmError(sessionRc(TPM_RC.POLICY_FAIL, position));
  }
  if (session.policyCpHash !== undefined && !session.policyCpHash.equals(check.cpHash(session))) {
    throw new TpmError(sessionRc(TPM_RC.POLICY_FAIL, position));
  }
  if (session.pcrUpdateCounter !== undefined && session.pcrUpdateCounter !== device.pcrUpdateCounter) {
    throw new TpmError(TPM_RC.PCR_CHANGED);
  }
}

/** Name and authorization value of an entity: what a session can be bound to. */
export function boundOf(device: TpmDevice, handle: number): Buffer {
  return Buffer.concat([device.entityName(handle, 1), authValueOf(device, handle)]);
}

function keyOf(session: TpmSession, authValue: Buffer, bound: Buffer): Buffer {
  const withValue =
    session.type === 'POLICY' ? session.authValueNeeded : session.boundTo?.equals(bound) !== true;
  return withValue ? Buffer.concat([session.sessionKey, authValue]) : session.sessionKey;
}

/** Digest of the command (TPM 2.0 Part 1 §18.7); computed once for each hash that sessions ask for. */
function cpHashCache(device: TpmDevice, frame: TpmCommandFrame): (session: TpmSession) => Buffer {
  const cache = new Map<string, Buffer>();
  return ({ authHash }) => {
    const known = cache.get(authHash);
    if (known !== undefined) return known;
    const code = Buffer.alloc(4);
    code.writeUInt32BE(TPM_CC[frame.name].code, 0);
    const hash = createHash(HASH_ALGORITHMS[authHash].nodeName).update(code);
    frame.handles.forEach((handle, index) => hash.update(device.entityName(handle, index + 1)));
    const digest = hash.update(frame.parameters).digest();
    cache.set(authHash, digest);
    return digest;
  };
}

/** HMAC of a command (TPM 2.0 Part 1 §19.6.5). Without a key it proves nothing and may be left out. */
function commandHmac(
  session: TpmSession,
  auth: AuthCommand,
  key: Buffer,
  cpHash: Buffer,
  all: readonly CheckedAuth[],
): Buffer {
  if (key.length === 0 && auth.hmac.length === 0) return NOTHING;
  const hmac = createHmac(HASH_ALGORITHMS[session.authHash].nodeName, key)
    .update(cpHash)
    .update(auth.nonce)
    .update(session.nonceTpm);
  if (all[0]?.auth === auth) {
    // The first session vouches for the nonces of the sessions that encrypt, unless it is one itself.
    const decrypt = cipherSession(all, TPMA_SESSION.DECRYPT);
    const encrypt = cipherSession(all, TPMA_SESSION.ENCRYPT);
    if (decrypt !== undefined && decrypt !== session) hmac.update(decrypt.nonceTpm);
    if (encrypt !== undefined && encrypt !== session && encrypt !== decrypt) hmac.update(encrypt.nonceTpm);
  }
  return hmac.update(Buffer.from([auth.attributes])).digest();
}

/** The session that has this attribute bit (TPMA_SESSION) set. */
export function cipherSession(all: readonly CheckedAuth[], bit: number): TpmSession | undefined {
  return all.find(({ auth }) => (auth.attributes & bit) !== 0)?.session;
}

/**
 * The authorization area of the response; rolls nonces, ends sessions that are not to continue.
 *
 * @param parameters response parameters as they are sent, encrypted if they are
 */
export function answerAuthorizations(
  device: TpmDevice,
  frame: TpmCommandFrame,
  checked: readonly CheckedAuth[],
  keys: readonly Buffer[],
  parameters: Buffer,
): AuthResponse[] {
  return checked.map(({ auth, session }, index) => {
    if (session === undefined) {
      return { nonce: NOTHING, attributes: TPMA_SESSION.CONTINUE_SESSION, hmac: NOTHING };
    }
    const key = keys[index] ?? NOTHING;
    const code = Buffer.alloc(8);
    code.writeUInt32BE(TPM_CC[frame.name].code, 4);
    const { nodeName } = HASH_ALGORITHMS[session.authHash];
    const rpHash = createHash(nodeName).update(code).update(parameters).digest();
    const silent = session.passwordNeeded || (key.length === 0 && auth.hmac.length === 0);
    const hmac = silent
      ? NOTHING
      : createHmac(nodeName, key)
          .update(rpHash)
          .update(session.nonceTpm)
          .update(auth.nonce)
          .update(Buffer.from([auth.attributes]))
          .digest();
    const response = { nonce: session.nonceTpm, attributes: auth.attributes, hmac };
    if ((auth.attributes & TPMA_SESSION.CONTINUE_SESSION) === 0) device.sessions.delete(session.handle);
    return response;
  });
}

/** Keys of the response HMACs: the authorization value may have changed, or its entity be gone, since the command. */
export function responseKeys(
  device: TpmDevice,
  checked: readonly CheckedAuth[],
  before: readonly Buffer[],
): Buffer[] {
  return checked.map(({ session, entity }, index) => {
    if (session === undefined || entity === undefined) return session?.sessionKey ?? NOTHING;
    const earlier = before[index] ?? NOTHING;
    const value = currentAuthValue(device, entity) ?? earlier;
    return keyOf(session, value, currentBound(device, entity) ?? NOTHING);
  });
}

function currentAuthValue(device: TpmDevice, entity: number): Buffer | undefined {
  try {
    return authValueOf(device, entity);
  } catch {
    // The command removed its own entity (TPM2_EvictControl, TPM2_NV_UndefineSpace).
    return undefined;
  }
}

function currentBound(device: TpmDevice, entity: number): Buffer | undefined {
  try {
    return boundOf(device, entity);
  } catch {
    return undefined;
  }
}
