import { MAX_FRAME_BYTES, TPM_ST } from './constants.js';
import { TPM_CC, commandNameOf } from './commands.js';
import type { CommandName, CommandRow } from './commands.js';
import { TpmError } from './errors.js';
import { TpmReader } from './reader.js';
import { TPM_RC, handleRc } from './response-codes.js';
import { encodeWhole } from './writer.js';

/** TPMS_AUTH_COMMAND: one authorization of a command (TPM 2.0 Part 2 §10.13.2). */
export interface AuthCommand {
  readonly sessionHandle: number;
  readonly nonce: Buffer;
  /** TPMA_SESSION bits */
  readonly attributes: number;
  /** HMAC, or the password itself for TPM_RS_PW. */
  readonly hmac: Buffer;
}

/** TPMS_AUTH_RESPONSE (TPM 2.0 Part 2 §10.13.3). */
export interface AuthResponse {
  readonly nonce: Buffer;
  /** TPMA_SESSION bits */
  readonly attributes: number;
  readonly hmac: Buffer;
}

/** A command taken apart (TPM 2.0 Part 1 §18). */
export interface TpmCommandFrame {
  readonly name: CommandName;
  readonly handles: readonly number[];
  /** Empty for a command without sessions. */
  readonly sessions: readonly AuthCommand[];
  readonly parameters: Buffer;
}

/** A response taken apart. */
export interface TpmResponseFrame {
  readonly rc: number;
  readonly handle: number | undefined;
  readonly parameters: Buffer;
  readonly sessions: readonly AuthResponse[];
}

/** Bytes of the header of a command or response: tag, size, code. */
export const FRAME_HEADER_BYTES = 10;

const MAX_SESSIONS = 3;
const MAX_AUTH_BYTES = 64;
/** Handle, empty nonce, attributes, empty HMAC. */
const MIN_AUTH_AREA_BYTES = 9;

/** The bytes of a command. */
export function encodeCommand(frame: TpmCommandFrame): Buffer {
  const withSessions = frame.sessions.length > 0;
  const bytes = encodeWhole((writer) => {
    writer
      .u16(withSessions ? TPM_ST.SESSIONS : TPM_ST.NO_SESSIONS)
      .u32(0)
      .u32(TPM_CC[frame.name].code);
    for (const handle of frame.handles) writer.u32(handle);
    if (withSessions) {
      const area = encodeWhole((auths) => {
        for (const auth of frame.sessions) {
          auths.u32(auth.sessionHandle).sized(auth.nonce).u8(auth.attributes).sized(auth.hmac);
        }
      });
      writer.u32(area.length).bytes(area);
    }
    writer.bytes(frame.parameters);
  });
  bytes.writeUInt32BE(bytes.length, 2);
  return bytes;
}

/**
 * Takes a command apart.
 *
 * @throws TpmError TPM_RC_BAD_TAG, TPM_RC_COMMAND_SIZE, TPM_RC_COMMAND_CODE, TPM_RC_INSUFFICIENT (handle n),
 *   TPM_RC_AUTHSIZE, TPM_RC_AUTH_CONTEXT, TPM_RC_AUTH_MISSING
 */
export function decodeCommand(bytes: Buffer): TpmCommandFrame {
  if (bytes.length < FRAME_HEADER_BYTES || bytes.length > MAX_FRAME_BYTES)
    throw new TpmError(TPM_RC.COMMAND_SIZE);
  const reader = new TpmReader(bytes);
  const tag = reader.u16();
  if (tag !== TPM_ST.NO_SESSIONS && tag !== TPM_ST.SESSIONS) throw new TpmError(TPM_RC.BAD_TAG);
  if (reader.u32() !== bytes.length) throw new TpmError(TPM_RC.COMMAND_SIZE);
  const name = commandNameOf(reader.u32());
  if (name === undefined) throw new TpmError(TPM_RC.COMMAND_CODE);
  const row: CommandRow = TPM_CC[name];
  const handles = row.handles.map((_, index) => {
    if (reader.remaining < 4) throw new TpmError(handleRc(TPM_RC.INSUFFICIENT, index + 1));
    return reader.u32();
  });
  if (tag === TPM_ST.NO_SESSIONS) {
    if (row.handles.some((role) => role !== 'none')) throw new TpmError(TPM_RC.AUTH_MISSING);
    return { name, handles, sessions: [], parameters: reader.rest() };
  }
  if (row.noSessions === true) throw new TpmError(TPM_RC.AUTH_CONTEXT);
  const sessions = readSessions(reader);
  return { name, handles, sessions, parameters: reader.rest() };
}

function readSessions(reader: TpmReader): AuthCommand[] {
  if (reader.remaining < 4) throw new TpmError(TPM_RC.AUTHSIZE);
  const areaBytes = reader.u32();
  if (areaBytes < MIN_AUTH_AREA_BYTES || areaBytes > reader.remaining) throw new TpmError(TPM_RC.AUTHSIZE);
  const area = new TpmReader(reader.bytes(areaBytes));
  const sessions: AuthCommand[] = [];
  while (area.remaining > 0) {
    if (sessions.length === MAX_SESSIONS) throw new TpmError(TPM_RC.AUTHSIZE);
    try {
      sessions.push({
        sessionHandle: area.u32(),
        nonce: area.sized(MAX_AUTH_BYTES),
        attributes: area.u8(),
        hmac: area.sized(MAX_AUTH_BYTES),
      });
    } catch (error) {
      throw new TpmError(TPM_RC.AUTHSIZE, undefined, { cause: error });
    }
  }
  return sessions;
}

/** The bytes of a successful response. */
export function encodeResponse(frame: Omit<TpmResponseFrame, 'rc'>): Buffer {
  const withSessions = frame.sessions.length > 0;
  const bytes = encodeWhole((writer) => {
    writer
      .u16(withSessions ? TPM_ST.SESSIONS : TPM_ST.NO_SESSIONS)
      .u32(0)
      .u32(TPM_RC.SUCCESS);
    if (frame.handle !== undefined) writer.u32(frame.handle);
    if (withSessions) writer.u32(frame.parameters.length);
    writer.bytes(frame.parameters);
    for (const auth of frame.sessions) writer.sized(auth.nonce).u8(auth.attributes).sized(auth.hmac);
  });
  bytes.writeUInt32BE(bytes.length, 2);
  return bytes;
}

/** The bytes of a response that only says why there is none. */
export function encodeErrorResponse(rc: number): Buffer {
  // TPM 1.2 answered with this tag; a 2.0 TPM does so only if it cannot tell which of the two was spoken.
  const tag = rc === TPM_RC.BAD_TAG ? TPM_ST.RSP_COMMAND : TPM_ST.NO_SESSIONS;
  return encodeWhole((writer) => writer.u16(tag).u32(FRAME_HEADER_BYTES).u32(rc));
}

/**
 * Takes the response to a command apart.
 *
 * @throws TpmError TPM_RC_SIZE or TPM_RC_INSUFFICIENT if the frame is malformed, TPM_RC_TAG for an unknown tag
 */
export function decodeResponse(command: CommandName, bytes: Buffer): TpmResponseFrame {
  const reader = new TpmReader(bytes);
  const tag = reader.u16();
  if (reader.u32() !== bytes.length) throw new TpmError(TPM_RC.SIZE, `response to TPM2_${command}`);
  const rc = reader.u32();
  if (rc !== TPM_RC.SUCCESS) return { rc, handle: undefined, parameters: Buffer.alloc(0), sessions: [] };
  const row: CommandRow = TPM_CC[command];
  const handle = row.responseHandle === true ? reader.u32() : undefined;
  if (tag === TPM_ST.NO_SESSIONS) return { rc, handle, parameters: reader.rest(), sessions: [] };
  if (tag !== TPM_ST.SESSIONS) throw new TpmError(TPM_RC.TAG, `response to TPM2_${command}`);
  const parameters = reader.bytes(reader.u32());
  const sessions: AuthResponse[] = [];
  while (reader.remaining > 0) {
    if (sessions.length === MAX_SESSIONS) throw new TpmError(TPM_RC.SIZE, `response to TPM2_${command}`);
    sessions.push({
      nonce: reader.sized(MAX_AUTH_BYTES),
      attributes: reader.u8(),
      hmac: reader.sized(MAX_AUTH_BYTES),
    });
  }
  return { rc, handle, parameters, sessions };
}
