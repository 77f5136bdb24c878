/** Commands of swtpm's control channel: u32 command, request; u32 result, answer (swtpm_ioctls(3)). */
export const SWTPM_CONTROL = {
  GET_CAPABILITY: 0x01,
  INIT: 0x02,
  SHUTDOWN: 0x03,
  SET_LOCALITY: 0x05,
  GET_STATEBLOB: 0x0c,
  SET_STATEBLOB: 0x0d,
  STOP: 0x0e,
} as const satisfies Record<string, number>;

/** Name of a control command. */
export type SwtpmControlName = keyof typeof SWTPM_CONTROL;

/** Bytes that follow the command in a request; in SET_STATEBLOB the blob follows these. */
export const SWTPM_REQUEST_BYTES: Readonly<Record<SwtpmControlName, number>> = {
  GET_CAPABILITY: 0,
  INIT: 4,
  SHUTDOWN: 0,
  SET_LOCALITY: 1,
  GET_STATEBLOB: 12,
  SET_STATEBLOB: 12,
  STOP: 0,
};

/** Bits of the answer to GET_CAPABILITY (PTM_CAP_*). */
export const SWTPM_CAPABILITY: Readonly<Partial<Record<SwtpmControlName, bigint>>> = {
  INIT: 0x0001n,
  SHUTDOWN: 0x0002n,
  SET_LOCALITY: 0x0008n,
  GET_STATEBLOB: 0x0100n,
  SET_STATEBLOB: 0x0200n,
  STOP: 0x0400n,
};

/** Results of control commands, as swtpm 0.7 gives them (TPM 1.2 return codes). */
export const SWTPM_RESULT = {
  SUCCESS: 0x00,
  BAD_PARAMETER: 0x03,
  /** The command is not known, or not possible while the TPM runs, or while it does not. */
  BAD_ORDINAL: 0x0a,
  BAD_LOCALITY: 0x3d,
  /** There is no such state. */
  NO_STATE: 0x800,
} as const satisfies Record<string, number>;

/** State blobs of swtpm by type. */
export const SWTPM_STATE = { permanent: 1, volatile: 2, savestate: 3 } as const satisfies Record<
  string,
  number
>;

/** Type of a state blob. */
export type SwtpmStateType = keyof typeof SWTPM_STATE;

/** Flag of GET_STATEBLOB that asks for the state in the clear although swtpm keeps it encrypted. */
export const SWTPM_STATE_DECRYPTED = 1;

/** Longest state that is taken or given, in bytes (own choice). */
export const MAX_SWTPM_STATE_BYTES = 4 * 1024 * 1024;

const NAME_BY_CODE = new Map<number, SwtpmControlName>(
  (Object.keys(SWTPM_CONTROL) as SwtpmControlName[]).map((name) => [SWTPM_CONTROL[name], name]),
);

/** The control command with this code, or undefined. */
export function swtpmControlOf(code: number): SwtpmControlName | undefined {
  return NAME_BY_CODE.get(code);
}
