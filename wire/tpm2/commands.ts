/** Which authorization a handle of a command needs (TPM 2.0 Part 1 §19.2): none, or that of a role. */
export type AuthRole = 'none' | 'USER' | 'ADMIN';

/** What is known about one command: its code, the handles in its request with their roles, whether the response has a handle. */
export interface CommandRow {
  /** TPM_CC */
  readonly code: number;
  readonly handles: readonly AuthRole[];
  readonly responseHandle?: true;
  /** The first parameter of the command is a TPM2B, so a session may encrypt it. */
  readonly encryptableCommand?: true;
  /** The first parameter of the response is a TPM2B, so a session may encrypt it. */
  readonly encryptableResponse?: true;
  /** The command takes no sessions at all. */
  readonly noSessions?: true;
}

/** Commands by their name without `TPM2_` (TPM 2.0 Part 2 §6.5, Part 3). */
export const TPM_CC = {
  NV_UndefineSpace: { code: 0x122, handles: ['USER', 'none'] },
  HierarchyChangeAuth: { code: 0x129, handles: ['USER'], encryptableCommand: true },
  NV_DefineSpace: { code: 0x12a, handles: ['USER'], encryptableCommand: true },
  EvictControl: { code: 0x120, handles: ['USER', 'none'] },
  CreatePrimary: {
    code: 0x131,
    handles: ['USER'],
    responseHandle: true,
    encryptableCommand: true,
    encryptableResponse: true,
  },
  NV_Write: { code: 0x137, handles: ['USER', 'none'], encryptableCommand: true },
  DictionaryAttackLockReset: { code: 0x139, handles: ['USER'] },
  PCR_Event: { code: 0x13c, handles: ['USER'], encryptableCommand: true },
  PCR_Reset: { code: 0x13d, handles: ['USER'] },
  SelfTest: { code: 0x143, handles: [] },
  Startup: { code: 0x144, handles: [], noSessions: true },
  Shutdown: { code: 0x145, handles: [] },
  StirRandom: { code: 0x146, handles: [], encryptableCommand: true },
  ActivateCredential: {
    code: 0x147,
    handles: ['ADMIN', 'USER'],
    encryptableCommand: true,
    encryptableResponse: true,
  },
  Certify: { code: 0x148, handles: ['ADMIN', 'USER'], encryptableCommand: true, encryptableResponse: true },
  GetTime: { code: 0x14c, handles: ['USER', 'USER'], encryptableCommand: true, encryptableResponse: true },
  NV_Read: { code: 0x14e, handles: ['USER', 'none'], encryptableResponse: true },
  PolicySecret: {
    code: 0x151,
    handles: ['USER', 'none'],
    encryptableCommand: true,
    encryptableResponse: true,
  },
  Create: { code: 0x153, handles: ['USER'], encryptableCommand: true, encryptableResponse: true },
  Load: {
    code: 0x157,
    handles: ['USER'],
    responseHandle: true,
    encryptableCommand: true,
    encryptableResponse: true,
  },
  Quote: { code: 0x158, handles: ['USER'], encryptableCommand: true, encryptableResponse: true },
  Sign: { code: 0x15d, handles: ['USER'], encryptableCommand: true },
  Unseal: { code: 0x15e, handles: ['USER'], encryptableResponse: true },
  ContextLoad: { code: 0x161, handles: [], responseHandle: true, noSessions: true },
  ContextSave: { code: 0x162, handles: ['none'], noSessions: true },
  FlushContext: { code: 0x165, handles: [], noSessions: true },
  LoadExternal: {
    code: 0x167,
    handles: [],
    responseHandle: true,
    encryptableCommand: true,
    encryptableResponse: true,
  },
  MakeCredential: {
    code: 0x168,
    handles: ['none'],
    encryptableCommand: true,
    encryptableResponse: true,
  },
  NV_ReadPublic: { code: 0x169, handles: ['none'], encryptableResponse: true },
  PolicyAuthValue: { code: 0x16b, handles: ['none'] },
  PolicyCommandCode: { code: 0x16c, handles: ['none'] },
  PolicyOR: { code: 0x171, handles: ['none'] },
  ReadPublic: { code: 0x173, handles: ['none'], encryptableResponse: true },
  StartAuthSession: {
    code: 0x176,
    handles: ['none', 'none'],
    responseHandle: true,
    encryptableCommand: true,
    encryptableResponse: true,
  },
  VerifySignature: { code: 0x177, handles: ['none'], encryptableCommand: true },
  GetCapability: { code: 0x17a, handles: [] },
  GetRandom: { code: 0x17b, handles: [], encryptableResponse: true },
  GetTestResult: { code: 0x17c, handles: [], encryptableResponse: true },
  Hash: { code: 0x17d, handles: [], encryptableCommand: true, encryptableResponse: true },
  PCR_Read: { code: 0x17e, handles: [] },
  PolicyPCR: { code: 0x17f, handles: ['none'], encryptableCommand: true },
  PolicyRestart: { code: 0x180, handles: ['none'] },
  ReadClock: { code: 0x181, handles: [], noSessions: true },
  PCR_Extend: { code: 0x182, handles: ['USER'] },
  PolicyGetDigest: { code: 0x189, handles: ['none'], encryptableResponse: true },
} as const satisfies Record<string, CommandRow>;

/** Name of a command, without `TPM2_`. */
export type CommandName = keyof typeof TPM_CC;

const NAME_BY_CODE = new Map<number, CommandName>(
  (Object.keys(TPM_CC) as CommandName[]).map((name) => [TPM_CC[name].code, name]),
);

/** The command with this TPM_CC, or undefined if it is not in the table. */
export function commandNameOf(code: number): CommandName | undefined {
  return NAME_BY_CODE.get(code);
}
