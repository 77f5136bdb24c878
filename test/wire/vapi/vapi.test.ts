import { describe, expect, it } from 'vitest';

import {
  JsonRpcError,
  VapiDecodeError,
  blob,
  boolean,
  encodeError,
  enumeration,
  integer,
  list,
  map,
  optional,
  readInput,
  readInvocation,
  rpcErrorMessage,
  secret,
  string,
  structure,
} from '../../../wire/vapi/index.js';
import { fc } from '../../property.js';

const address = structure('test.address', { hostname: string(), port: optional(integer()) });
const everything = structure('operation-input', {
  name: string(),
  on: boolean,
  state: enumeration(['ENABLE', 'DISABLE']),
  bytes: blob(64),
  password: optional(secret(64)),
  addresses: optional(list(address, 4)),
});

const value = fc.record(
  {
    name: fc.string(),
    on: fc.boolean(),
    state: fc.constantFrom('ENABLE', 'DISABLE'),
    bytes: fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes).toString('base64')),
    password: fc.string({ minLength: 1, maxLength: 64 }),
    addresses: fc.array(
      fc.record({ hostname: fc.string(), port: fc.integer() }, { requiredKeys: ['hostname'] }),
      { maxLength: 4 },
    ),
  },
  { requiredKeys: ['name', 'on', 'state', 'bytes'] },
);

/** What a value becomes on its way through a message. */
const overTheWire = (sent: unknown): unknown =>
  everything.decode(JSON.parse(JSON.stringify(everything.encode(sent))), 'input');

describe('values of the vAPI in JSON-RPC', () => {
  it('come out of a message as they went in, and pass the schema', () => {
    fc.assert(
      fc.property(value, (sent) => {
        const plain: unknown = JSON.parse(JSON.stringify(sent));
        expect(overTheWire(plain)).toEqual(plain);
        expect(everything.schema.safeParse(plain).success).toBe(true);
      }),
    );
  });

  it('are written as the runtime of the Python client writes them', () => {
    const written = everything.encode({
      name: 'n',
      on: true,
      state: 'ENABLE',
      bytes: 'AAE=',
      password: 's',
      addresses: [{ hostname: 'h' }],
    });
    expect(written).toEqual({
      STRUCTURE: {
        'operation-input': {
          name: 'n',
          on: true,
          state: 'ENABLE',
          bytes: { BINARY: 'AAE=' },
          password: { OPTIONAL: { SECRET: 's' } },
          addresses: {
            OPTIONAL: [{ STRUCTURE: { 'test.address': { hostname: 'h', port: { OPTIONAL: null } } } }],
          },
        },
      },
    });
    expect(map(integer(), string()).encode({ 7: 'seven' })).toEqual([
      { STRUCTURE: { 'map-entry': { key: 7, value: 'seven' } } },
    ]);
  });

  it('may leave optional members out, wrapped or not', () => {
    const given = { STRUCTURE: { 'test.address': { hostname: 'h' } } };
    expect(address.decode(given, 'input')).toEqual({ hostname: 'h' });
    const set = { STRUCTURE: { 'test.address': { hostname: 'h', port: { OPTIONAL: null } } } };
    expect(address.decode(set, 'input')).toEqual({ hostname: 'h' });
  });

  it.each([
    ['another structure', { STRUCTURE: { 'test.other': { hostname: 'h' } } }, 'input'],
    ['an unknown member', { STRUCTURE: { 'test.address': { hostname: 'h', user: 'u' } } }, 'input'],
    ['a number for a string', { STRUCTURE: { 'test.address': { hostname: 1 } } }, 'input.hostname'],
    ['a missing member', { STRUCTURE: { 'test.address': {} } }, 'input.hostname'],
    [
      'a bare value for an optional one',
      { STRUCTURE: { 'test.address': { hostname: 'h', port: 1 } } },
      'input.port',
    ],
    ['two structures in one', { STRUCTURE: { 'test.address': {}, 'test.other': {} } }, 'input'],
    ['a list', [], 'input'],
  ])('are refused with the place: %s', (_what, given, path) => {
    expect(() => address.decode(given, 'input')).toThrow(expect.objectContaining({ path }) as Error);
  });

  it('never break the decoder, whatever they are', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (given) => {
        try {
          everything.decode(given, 'input');
        } catch (error) {
          expect(error).toBeInstanceOf(VapiDecodeError);
        }
      }),
    );
  });

  it('are bounded: a long list is cut before it is read, and refused', () => {
    const many = Array.from({ length: 100_000 }, () => ({
      STRUCTURE: { 'test.address': { hostname: 'h' } },
    }));
    const read = list(address, 4).decode(many, 'input') as unknown[];
    expect(read).toHaveLength(5);
    expect(list(address, 4).schema.safeParse(read).success).toBe(false);
    expect(blob(3).schema.safeParse('AAECAw==').success).toBe(false);
  });
});

describe('messages of the vAPI in JSON-RPC', () => {
  const params = {
    serviceId: 'com.vmware.cis.session',
    operationId: 'create',
    input: { STRUCTURE: { 'operation-input': {} } },
    ctx: {
      appCtx: { opId: '1' },
      securityCtx: {
        schemeId: 'com.vmware.vapi.std.security.user_pass',
        userName: 'u',
        password: 'p',
      },
    },
  };

  it('are calls with their security context', () => {
    expect(readInvocation({ jsonrpc: '2.0', id: '1', method: 'invoke', params })).toMatchObject({
      id: '1',
      service: 'com.vmware.cis.session',
      operation: 'create',
      security: { scheme: 'password', userName: 'u', password: 'p' },
    });
  });

  it.each([
    ['invalidRequest', { jsonrpc: '1.0', id: 1, method: 'invoke', params }],
    ['invalidRequest', []],
    ['methodNotFound', { jsonrpc: '2.0', id: 1, method: 'list', params }],
    ['invalidParams', { jsonrpc: '2.0', id: 1, method: 'invoke', params: { serviceId: 's' } }],
    [
      'invalidParams',
      {
        jsonrpc: '2.0',
        id: 1,
        method: 'invoke',
        params: { ...params, ctx: { securityCtx: { schemeId: 'none' } } },
      },
    ],
  ])('that are none are refused with %s', (reason, message) => {
    expect(() => readInvocation(message)).toThrow(expect.objectContaining({ reason }) as Error);
  });

  it('never break the reader, and errors tell no password', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (given, inner) => {
        for (const message of [given, { jsonrpc: '2.0', id: 1, method: 'invoke', params: inner }]) {
          try {
            readInvocation(message);
          } catch (error) {
            expect(error).toBeInstanceOf(JsonRpcError);
          }
        }
      }),
    );
    const call = readInvocation({ jsonrpc: '2.0', id: 1, method: 'invoke', params });
    const secrets = structure('operation-input', { password: secret(8) });
    const input = { STRUCTURE: { 'operation-input': { password: 'top secret' } } };
    const refusal = ((): unknown => {
      try {
        return readInput(secrets, { ...call, input });
      } catch (error) {
        return rpcErrorMessage(error as JsonRpcError);
      }
    })();
    expect(refusal).toMatchObject({
      error: { code: -32602, data: expect.stringContaining('password') as string },
    });
    expect(JSON.stringify(refusal)).not.toContain('top secret');
  });

  it('carry errors by their canonical names', () => {
    const messages = [{ id: 'i', default_message: 'm', args: [] }];
    expect(encodeError({ error_type: 'NOT_FOUND', messages })).toEqual({
      ERROR: {
        'com.vmware.vapi.std.errors.not_found': {
          messages: [
            {
              STRUCTURE: {
                'com.vmware.vapi.std.localizable_message': { id: 'i', default_message: 'm', args: [] },
              },
            },
          ],
          data: { OPTIONAL: null },
          error_type: { OPTIONAL: 'NOT_FOUND' },
        },
      },
    });
  });
});
