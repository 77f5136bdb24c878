import type { ManufactureOptions } from '../manufacture.js';
import type { TpmTransport } from '../transport.js';

/** What TPMs a host can have: the built-in one, or a swtpm process. */
export const TPM_KINDS = ['software', 'swtpm'] as const;

/** Kind of a TPM. */
export type TpmKind = (typeof TPM_KINDS)[number];

/** Where a TPM can be reached in swtpm's manner: frames at `port`, control commands at the one after it. */
export interface TpmAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * A TPM as a host's mainboard has it: power, locality, and the bus. It comes powered on and waits for `TPM2_Startup`.
 *
 * Every method throws KpsimError `tpm_unavailable` if the TPM cannot be reached.
 */
export interface TpmDeviceHandle {
  readonly kind: TpmKind;
  /** Where other programs can reach it; undefined if nowhere. */
  readonly address: TpmAddress | undefined;
  /** Sets the locality of the commands that follow, 0 to 4; the log must tell that of `TPM2_Startup` if it is not 0. */
  setLocality(locality: number): Promise<void>;
  /** The bus; the same one every time. Closing it lets other programs have the TPM until the next command. */
  transport(): TpmTransport;
  /** Cuts the power and gives it back; `TPM2_Startup` must follow. */
  reset(): Promise<void>;
  /** All that it keeps without power; secret. */
  snapshot(): Promise<Buffer>;
  /** Cuts the power and gives it back with the state of a snapshot; `TPM2_Startup` must follow. @throws KpsimError `tpm_state_invalid` */
  restore(state: Buffer): Promise<void>;
  /** What `TpmMaker.load` needs to have this TPM again; secret. */
  save(): Promise<Buffer>;
  /** Hears that it lost its power without the host: what was measured is gone, and the host must boot again. */
  onRestart(listener: () => void): void;
  /** Switches it off. Its state stays. */
  close(): Promise<void>;
  /** Switches it off for ever: nothing of it is left. */
  discard(): Promise<void>;
}

/** Makes the TPMs of one host, one after the other. */
export interface TpmMaker {
  readonly kind: TpmKind;
  /** A new TPM, with endorsement keys and certificates. @throws KpsimError `tpm_program_missing`, `port_in_use`, `tpm_unavailable` */
  make(options: ManufactureOptions): Promise<TpmDeviceHandle>;
  /** The TPM of which `save` told. @throws KpsimError as `make`, and `tpm_state_invalid` */
  load(saved: Buffer): Promise<TpmDeviceHandle>;
}
