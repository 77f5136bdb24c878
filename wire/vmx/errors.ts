import { KpsimError } from '../../core/errors.js';

/** Why a file or text of a virtual machine was refused; the `code` of a {@link VmFormatError}. */
export type VmFormatErrorCode =
  | 'vmx_invalid'
  | 'disk_descriptor_invalid'
  | 'key_locator_invalid'
  | 'key_dict_invalid'
  | 'key_mismatch'
  | 'data_file_invalid';

/** A file of a virtual machine does not follow its format, or does not open with the key given. */
export class VmFormatError extends KpsimError {
  declare readonly code: VmFormatErrorCode;

  /** 1-based line of the text at fault, where the format has lines. */
  readonly line: number | undefined;

  /**
   * @param code what kind of text is at fault
   * @param message what is wrong and what to do; never holds key material
   * @param line 1-based line, put in front of the message
   */
  constructor(code: VmFormatErrorCode, message: string, line?: number, options?: ErrorOptions) {
    super(code, line === undefined ? message : `line ${line}: ${message}`, options);
    this.line = line;
  }
}
