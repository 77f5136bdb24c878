import type { Request } from 'express';

import { VapiError } from '../../core/http/index.js';
import type { Fields, VapiType } from '../../wire/vapi/index.js';
import type { VapiOperation } from './operation.js';

/** Query parameters that say which operation is called and how. */
const RESERVED = new Set(['action', 'vmw-task']);

/**
 * The input of an operation out of a REST request: members in the path, one as the body, the others in the query,
 * where the members of a structure stand by themselves (vSphere Automation API, "query parameters").
 *
 * @throws VapiError `INVALID_ARGUMENT` for query parameters that the operation does not have
 */
export function restInput(row: VapiOperation, request: Request): Readonly<Record<string, unknown>> {
  const fields: Fields = row.input.fields;
  const input: Record<string, unknown> = {};
  const unused = new Set(Object.keys(request.query).filter((name) => !RESERVED.has(name)));
  for (const [name, type] of Object.entries(fields)) {
    const value =
      name in request.params
        ? request.params[name]
        : name === row.body
          ? bodyOf(request)
          : fromQuery(name, type, request, unused);
    if (value !== undefined) input[name] = value;
  }
  const [unknown] = unused;
  if (unknown === undefined) return input;
  throw new VapiError(
    'INVALID_ARGUMENT',
    `There is no query parameter ${JSON.stringify(unknown.slice(0, 80))} here; check its name.`,
  );
}

/**
 * An absent body is a member that was left out.
 *
 * @throws VapiError `UNEXPECTED_INPUT` for a body that does not say that it is JSON
 */
function bodyOf(request: Request): unknown {
  const body: unknown = request.body;
  const { 'content-length': length = '0', 'transfer-encoding': encoding } = request.headers;
  if (body === undefined && (length !== '0' || encoding !== undefined)) {
    throw new VapiError(
      'UNEXPECTED_INPUT',
      'Send the body as JSON, with the header content-type: application/json; a file as a JSON string of base64.',
    );
  }
  return Buffer.isBuffer(body) && body.length === 0 ? undefined : body;
}

function fromQuery(name: string, type: VapiType, request: Request, unused: Set<string>): unknown {
  const inner = elementOf(type);
  if (inner.kind !== 'structure') {
    unused.delete(name);
    return readValue(inner, request.query[name]);
  }
  const entries = Object.entries((inner as VapiType & { readonly fields: Fields }).fields).map(
    ([field, one]): [string, unknown] => [field, fromQuery(field, one, request, unused)],
  );
  const given = entries.filter(([, value]) => value !== undefined);
  return given.length === 0 && type.kind === 'optional' ? undefined : Object.fromEntries(given);
}

/** A value out of texts; what is no text of the type's stays a text, and the type refuses it. */
function readValue(type: VapiType, given: unknown): unknown {
  if (given === undefined) return undefined;
  if (type.kind === 'list') {
    const { element } = type as VapiType & { readonly element: VapiType };
    return [given].flat().map((one) => readValue(element, one));
  }
  if (type.kind === 'boolean') return given === 'true' || (given === 'false' ? false : given);
  if (type.kind === 'integer' && typeof given === 'string' && /^-?\d{1,16}$/.test(given))
    return Number(given);
  return given;
}

function elementOf(type: VapiType): VapiType {
  return type.kind === 'optional' ? (type as VapiType & { readonly element: VapiType }).element : type;
}
