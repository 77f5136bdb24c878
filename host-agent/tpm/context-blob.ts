import {
  MAX_NAME_BYTES,
  TPM_HT,
  commandNameOf,
  decodeWhole,
  encodeWhole,
  handleTypeOf,
  readHashAlgorithm,
  readSensitive,
  readSymmetric,
  readTpm2bPublic,
  TPM_CC,
  writeHashAlgorithm,
  writeSensitive,
  writeSymmetric,
  writeTpmtPublic,
} from '../../wire/tpm2/index.js';
import type { TpmReader, TpmWriter } from '../../wire/tpm2/index.js';
import { TpmSession } from './session.js';
import { TpmObject } from './tpm-object.js';

const MAX_BYTES = 1024;

/** What TPM2_ContextSave protects of an object (own choice). */
export function encodeObjectContext(object: TpmObject): Buffer {
  return encodeWhole((writer) => {
    writer
      .sizedStructure((inner) => {
        writeTpmtPublic(inner, object.publicArea);
      })
      .sized(object.parentQualifiedName)
      .u8(object.sensitive === undefined ? 0 : 1);
    if (object.sensitive !== undefined) writeSensitive(writer, object.sensitive);
  });
}

/** Undoes `encodeObjectContext`. @throws TpmError */
export function decodeObjectContext(plain: Buffer, hierarchy: number): TpmObject {
  return decodeWhole('object context', plain, (reader) => {
    const publicArea = readTpm2bPublic(reader);
    const parentQualifiedName = reader.sized(MAX_NAME_BYTES);
    const sensitive = reader.yesNo() ? readSensitive(reader) : undefined;
    return new TpmObject(publicArea, sensitive, hierarchy, parentQualifiedName);
  });
}

/** What TPM2_ContextSave protects of a session (own choice). */
export function encodeSessionContext(session: TpmSession): Buffer {
  return encodeWhole((writer) => {
    writer.u8(session.type === 'TRIAL' ? 1 : 0);
    writeHashAlgorithm(writer, session.authHash);
    writeSymmetric(writer, session.symmetric);
    writer.sized(session.sessionKey).sized(session.nonceTpm).sized(session.nonceCaller);
    writeOptional(writer, session.boundTo);
    writer
      .sized(session.policyDigest)
      .u32(session.policyCommand === undefined ? 0 : TPM_CC[session.policyCommand].code)
      .u8(session.authValueNeeded ? 1 : 0)
      .u8(session.passwordNeeded ? 1 : 0);
    writeOptional(writer, session.policyCpHash);
    writeOptionalNumber(writer, session.pcrUpdateCounter);
    writeOptionalNumber(writer, session.expiresAtMs);
  });
}

/** Undoes `encodeSessionContext`. @throws TpmError */
export function decodeSessionContext(plain: Buffer, handle: number): TpmSession {
  return decodeWhole('session context', plain, (reader) => {
    const trial = reader.yesNo();
    const authHash = readHashAlgorithm(reader);
    const symmetric = readSymmetric(reader);
    const sessionKey = reader.sized(MAX_BYTES);
    const nonceTpm = reader.sized(MAX_BYTES);
    const nonceCaller = reader.sized(MAX_BYTES);
    const boundTo = readOptional(reader);
    const isPolicy = handleTypeOf(handle) === TPM_HT.POLICY_SESSION;
    const type = trial ? 'TRIAL' : isPolicy ? 'POLICY' : 'HMAC';
    const session = new TpmSession({
      handle,
      type,
      authHash,
      symmetric,
      sessionKey,
      boundTo,
      nonceTpm,
      nonceCaller,
    });
    session.policyDigest = reader.sized(MAX_BYTES);
    session.policyCommand = commandNameOf(reader.u32());
    session.authValueNeeded = reader.yesNo();
    session.passwordNeeded = reader.yesNo();
    session.policyCpHash = readOptional(reader);
    session.pcrUpdateCounter = readOptionalNumber(reader);
    session.expiresAtMs = readOptionalNumber(reader);
    return session;
  });
}

function writeOptional(writer: TpmWriter, value: Buffer | undefined): void {
  writer.u8(value === undefined ? 0 : 1);
  if (value !== undefined) writer.sized(value);
}

function readOptional(reader: TpmReader): Buffer | undefined {
  return reader.yesNo() ? reader.sized(MAX_BYTES) : undefined;
}

function writeOptionalNumber(writer: TpmWriter, value: number | undefined): void {
  writer.u8(value === undefined ? 0 : 1).u64(BigInt(Math.trunc(value ?? 0)));
}

function readOptionalNumber(reader: TpmReader): number | undefined {
  const present = reader.yesNo();
  const value = Number(reader.u64());
  return present ? value : undefined;
}
