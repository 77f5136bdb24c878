/** Commands of swtpm's control channel: u32 command, request; u32 result, answer (swtpm_ioctls(3)). */
export const SWTPM_CONTROL = {
  GET_CAPABILITY: 0x01,
  INIT: 0x02,
  SHUTDOWN: 0x03,
  SET_LOCALITY: 0x05,
  GET_STATEBLOB: 0x0c,
  STOP: 0x0e,
} as const satisfies Record<string, number>;

/** Name of a control command. */
export type SwtpmControlName = keyof typeof SWTPM_CONTROL;

/** Bytes that follow the command in a request. */
export const SWTPM_REQUEST_BYTES: Readonly<Record<SwtpmControlName, number>> = {
  GET_CAPABILITY: 0,
  INIT: 4,
  SHUTDOWN: 0,
  SET_LOCALITY: 1,
  GET_STATEBLOB: 12,
  STOP: 0,
};

/** State blobs of swtpm by type. */
export const SWTPM_STATE = { permanent: 1, volatile: 2, savestate: 3 } as const satisfies Record<
  string,
  number
>;

const NAME_BY_CODE = new Map<number, SwtpmControlName>(
  (Object.keys(SWTPM_CONTROL) as SwtpmControlName[]).map((name) => [SWTPM_CONTROL[name], name]),
);

/** The control command with this code, or undefined. */
export function swtpmControlOf(code: number): SwtpmControlName | undefined {
  return NAME_BY_CODE.get(code);
}
