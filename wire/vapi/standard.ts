import * as z from 'zod';

import type { DataValue, VapiType } from './types.js';
import { list, string, structure } from './types.js';
import { VapiDecodeError } from './errors.js';

/** `com.vmware.vapi.std.localizable_message`; its newer, optional members are left out. */
export const localizableMessage = structure('com.vmware.vapi.std.localizable_message', {
  id: string(),
  default_message: string(),
  args: list(string()),
});

/** `com.vmware.vapi.std.errors`: the body of an error answer of the REST API. */
export interface StandardError {
  /** For example `NOT_FOUND`. */
  readonly error_type: string;
  readonly messages: readonly {
    readonly id: string;
    readonly default_message: string;
    readonly args: readonly string[];
  }[];
}

/** An error of any type; in JSON-RPC `{"ERROR": {<name>: {…}}}`. Answers only. */
export const anyError: VapiType<z.ZodType<StandardError>> = {
  kind: 'error',
  schema: z.custom<StandardError>(),
  encode: (value) => encodeError(value as StandardError),
  decode: (_data, path) => {
    throw new VapiDecodeError(path, 'errors are only in answers');
  },
};

const messages = list(localizableMessage);

/** The JSON-RPC form of an error. Machine-readable `data` has no form there and is left out. */
export function encodeError({ error_type: type, messages: told }: StandardError): DataValue {
  return {
    ERROR: {
      [`com.vmware.vapi.std.errors.${type.toLowerCase()}`]: {
        messages: messages.encode(told),
        data: { OPTIONAL: null },
        error_type: { OPTIONAL: type },
      },
    },
  };
}
