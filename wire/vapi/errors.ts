import { KpsimError } from '../../core/errors.js';

/** Input that is none of the vAPI's: of the wrong type, of another structure, or malformed. */
export class VapiDecodeError extends KpsimError {
  /** Where in the input, for example `input.spec.address`. */
  readonly path: string;

  constructor(path: string, message: string) {
    super('vapi_input_invalid', `${path}: ${message}`);
    this.path = path;
  }
}
