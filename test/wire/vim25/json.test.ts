import { describe, expect, it } from 'vitest';

import {
  VIM_OBJECTS,
  VIM_TYPES,
  VimFault,
  boxed,
  dataType,
  decodeArguments,
  decodeFault,
  decodeJson,
  encodeFault,
  encodeJson,
  enumeration,
  isPrimitive,
  maskedArguments,
  objectType,
  toVimFault,
} from '../../../wire/vim25/index.js';
import type { Method, ObjectTypeName, TypeExpression, Vim } from '../../../wire/vim25/index.js';
import { fc } from '../../property.js';

function methodOf(type: ObjectTypeName, name: string): Method {
  return objectType(type)!.methods.get(name)!;
}

function refusal(run: () => unknown): VimFault {
  try {
    run();
  } catch (error) {
    if (error instanceof VimFault) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

const keyId = {
  _typeName: 'CryptoKeyId',
  keyId: 'k-1',
  providerId: { _typeName: 'KeyProviderId', id: 'skp-1' },
};

describe('the VI/JSON codec', () => {
  it('reads and writes nested objects with _typeName on each', () => {
    const decoded = decodeJson('CryptoSpec', { _typeName: 'CryptoSpecEncrypt', cryptoKeyId: keyId }, 'spec');
    expect(decoded).toEqual({ _typeName: 'CryptoSpecEncrypt', cryptoKeyId: keyId });
    expect(encodeJson('CryptoSpec', decoded)).toEqual(decoded);
  });

  it('gives dates as Date, binary as bytes and long as a number, and writes them back', () => {
    const json = {
      _typeName: 'VirtualMachineFileLayoutExFileInfo',
      key: 1,
      name: '[ds] vm/vm.vmdk',
      type: 'diskExtent',
      size: Number.MAX_SAFE_INTEGER,
    };
    expect(encodeJson('VirtualMachineFileLayoutExFileInfo', decodeJson(json._typeName, json, ''))).toEqual(
      json,
    );
    const date = decodeJson('dateTime', '2026-01-31T13:00:00.5+01:00', 'when');
    expect(date).toEqual(new Date('2026-01-31T12:00:00.500Z'));
    expect(encodeJson('dateTime', date)).toBe('2026-01-31T12:00:00.500Z');
    expect(decodeJson('binary', 'AAEC', 'bytes')).toEqual(Buffer.from([0, 1, 2]));
    expect(encodeJson('binary', Buffer.from([0, 1, 2]))).toBe('AAEC');
  });

  it('boxes primitives, enumerated values and arrays where any type may stand', () => {
    const property = (val: unknown): unknown => ({ _typeName: 'DynamicProperty', name: 'p', val });
    for (const [type, value, json] of [
      ['string', 'a', { _typeName: 'string', _value: 'a' }],
      ['int', 7, { _typeName: 'int', _value: 7 }],
      [
        'VirtualMachinePowerState',
        'poweredOn',
        { _typeName: 'VirtualMachinePowerState', _value: 'poweredOn' },
      ],
      ['string[]', ['a'], { _typeName: 'ArrayOfString', _value: ['a'] }],
      ['CryptoKeyId[]', [keyId], { _typeName: 'ArrayOfCryptoKeyId', _value: [keyId] }],
      ['CryptoKeyId', keyId, keyId],
    ] as const) {
      const encoded = encodeJson('DynamicProperty', property(boxed(type, value)));
      expect(encoded).toEqual(property(json));
      expect(decodeJson('DynamicProperty', encoded, '')).toEqual(property(boxed(type, value)));
    }
  });

  it('boxes references as ManagedObjectReference', () => {
    const reference = { _typeName: 'ManagedObjectReference', type: 'Datastore', value: 'datastore-1' };
    expect(boxed('&Datastore[]', [reference])).toEqual({
      _typeName: 'ArrayOfManagedObjectReference',
      _value: [reference],
    });
    expect(encodeJson('anyType', boxed('&Datastore', reference))).toEqual(reference);
  });

  it.each([
    ['an unknown field', { spec: { _typeName: 'VirtualMachineRelocateSpec', nvram: 1 } }, 'spec.nvram: '],
    [
      'a wrong type deep inside',
      {
        spec: {
          _typeName: 'VirtualMachineRelocateSpec',
          disk: [
            {
              _typeName: 'VirtualMachineRelocateSpecDiskLocator',
              diskId: '2000',
              datastore: { _typeName: 'ManagedObjectReference', type: 'Datastore', value: 'datastore-1' },
            },
          ],
        },
      },
      'spec.disk[0].diskId: expected an integer of 32 bits',
    ],
    ['a missing _typeName', { spec: {} }, 'spec._typeName: '],
    ['a type that does not derive from the declared one', { spec: keyId }, 'spec: CryptoKeyId is not a '],
    ['a type that nobody knows', { spec: { _typeName: 'NoSuchSpec' } }, 'spec: "NoSuchSpec" is no data type'],
    ['a property of every JavaScript object', { spec: { _typeName: 'constructor' } }, 'spec: "constructor"'],
    ['an absent argument', {}, 'spec: required'],
    [
      'a reference to another kind of object',
      {
        spec: {
          _typeName: 'VirtualMachineRelocateSpec',
          host: { _typeName: 'ManagedObjectReference', type: 'Datastore', value: 'datastore-1' },
        },
      },
      'spec.host: Datastore is not a HostSystem',
    ],
    [
      'an enumerated value that is none',
      { spec: { _typeName: 'VirtualMachineRelocateSpec' }, priority: 'urgent' },
      'priority: expected a VirtualMachineMovePriority',
    ],
    [
      'an object instead of an array',
      { spec: { _typeName: 'VirtualMachineRelocateSpec', disk: {} } },
      'array',
    ],
  ])('refuses %s and names the path', (_what, body, text) => {
    const fault = refusal(() => decodeArguments(methodOf('VirtualMachine', 'RelocateVM_Task'), body));
    expect(fault.is('InvalidRequest')).toBe(true);
    expect(fault.message).toContain(text);
  });

  it('refuses a __proto__ member instead of following it', () => {
    const body = JSON.parse('{"userName":"a","password":"b","__proto__":{"polluted":true}}') as unknown;
    expect(refusal(() => decodeArguments(methodOf('SessionManager', 'Login'), body)).message).toContain(
      '__proto__',
    );
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it('accepts the names that clients give to the arguments object, and no other', () => {
    const login = methodOf('SessionManager', 'Login');
    for (const _typeName of ['Login', 'LoginRequestType']) {
      expect(decodeArguments(login, { _typeName, userName: 'a', password: 'b' })).toEqual({
        userName: 'a',
        password: 'b',
      });
    }
    refusal(() => decodeArguments(login, { _typeName: 'Logout', userName: 'a', password: 'b' }));
    const powerOn = methodOf('VirtualMachine', 'PowerOnVM_Task');
    expect(decodeArguments(powerOn, { _typeName: 'PowerOnVMRequestType' })).toEqual({});
  });

  it('refuses objects inside one another without end', () => {
    const nested = (depth: number): unknown =>
      depth === 0
        ? undefined
        : {
            _typeName: 'TraversalSpec',
            type: 'Folder',
            path: 'childEntity',
            selectSet: depth === 1 ? [] : [nested(depth - 1)],
          };
    expect(decodeJson('SelectionSpec', nested(20), 's')).toEqual(nested(20));
    expect(refusal(() => decodeJson('SelectionSpec', nested(5000), 's')).message).toContain('beyond 48');
  });

  it.each([2 ** 53, -(2 ** 53), 1.5, '7', null, true])('refuses %s as a long', (value) => {
    refusal(() => decodeJson('long', value, 'n'));
  });

  it.each(['2026-01-31', '2026-01-31T12:00:00', '2026-13-01T00:00:00Z', 'now', 5])(
    'refuses %s as a dateTime',
    (value) => {
      refusal(() => decodeJson('dateTime', value, 'when'));
    },
  );

  it('never crashes on any JSON, and gives back what it decodes', () => {
    const types = ['VirtualMachineConfigSpec', 'CryptoSpec', 'anyType', 'PropertyFilterSpec[]', '&Task?'];
    fc.assert(
      fc.property(fc.constantFrom(...types), fc.jsonValue(), (type, json) => {
        try {
          decodeJson(type, json, 'value');
        } catch (error) {
          expect(error).toBeInstanceOf(VimFault);
        }
      }),
    );
  });

  it('writes and reads back objects of every type of the tables', () => {
    for (const name of Object.keys(VIM_TYPES)) {
      const sample = sampleObject(name, 0);
      const encoded = JSON.parse(JSON.stringify(encodeJson(name, sample))) as unknown;
      expect(decodeJson(name, encoded, name), name).toEqual(sample);
    }
  });

  it('calls it a defect when the service itself leaves out a field or mistakes a type', () => {
    expect(() => encodeJson('CryptoKeyId', { _typeName: 'CryptoKeyId' })).toThrow('CryptoKeyId.keyId');
    expect(() => encodeJson('CryptoKeyId', { _typeName: 'KeyProviderId', id: 'x' })).toThrow('not a');
    expect(() => encodeJson('int', 2 ** 31)).toThrow('not a int');
  });
});

describe('a VimFault', () => {
  it('travels as JSON with its fields, message keys and text', () => {
    const fault = new VimFault('EncryptionKeyRequired', 'The host lacks a key.', {
      fields: { requiredKey: [keyId as Vim<'CryptoKeyId'>] },
      faultMessage: [{ key: 'kpsim.rule.XVC-2n', message: 'Another KDK.', arg: { provider: 'nkp-1' } }],
      faultCause: new VimFault('InvalidState', 'because'),
    });
    const json = JSON.parse(JSON.stringify(encodeFault(fault))) as Record<string, unknown>;
    expect(json).toMatchObject({ _typeName: 'EncryptionKeyRequired', faultstring: 'The host lacks a key.' });
    const received = decodeFault(json);
    expect(received.fault).toBe('EncryptionKeyRequired');
    expect(received.is('InvalidState')).toBe(true);
    expect(received.is('NotFound')).toBe(false);
    expect(received.fieldsOf('EncryptionKeyRequired')?.requiredKey).toEqual([keyId]);
    expect(received.fieldsOf('NoPermission')).toBeUndefined();
    expect(received.message).toBe('The host lacks a key.');
    expect(received.faultMessage[0]).toMatchObject({ key: 'kpsim.rule.XVC-2n', message: 'Another KDK.' });
    expect(received.faultCause?.message).toBe('because');
    expect(received.code).toBe('encryption_key_required');
  });

  it('tells of what nobody expected in generic words only', () => {
    const fault = toVimFault(new Error('the secret is 42'));
    expect(JSON.stringify(encodeFault(fault))).not.toContain('42');
    expect(fault.fault).toBe('SystemError');
    expect(fault.cause).toBeInstanceOf(Error);
  });

  it.each([[undefined], ['text'], [{ _typeName: 'CryptoKeyId', keyId: 'x' }], [{ faultstring: 'why' }]])(
    'reads %j from a peer as a SystemError',
    (body) => {
      expect(decodeFault(body).fault).toBe('SystemError');
    },
  );
});

describe('the tables', () => {
  it('mask what a journal may not show', () => {
    const masked = maskedArguments(methodOf('CryptoManager', 'AddKeys'), {
      keys: [{ _typeName: 'CryptoKeyPlain', keyId, algorithm: 'AES-256', keyData: 'c2VjcmV0' }],
    });
    expect(JSON.stringify(masked)).not.toContain('c2VjcmV0');
    expect(masked).toMatchObject({ keys: [{ algorithm: 'AES-256', keyData: '[masked]' }] });
    const login = maskedArguments(methodOf('SessionManager', 'Login'), { userName: 'a', password: 'b' });
    expect(login).toEqual({ userName: 'a', password: '[masked]' });
  });

  it('let every managed object type inherit from one that is there', () => {
    for (const name of Object.keys(VIM_OBJECTS)) {
      expect(objectType(name)?.lineage.has('ManagedObject'), name).toBe(true);
    }
  });
});

/** An object with every required field set, and every optional one near the root. */
function sampleObject(name: string, depth: number): Record<string, unknown> {
  const object: Record<string, unknown> = { _typeName: name };
  for (const [field, type] of dataType(name)!.fields) {
    if (depth > 1 && type.optional) continue;
    object[field] = type.array ? [sampleSingle(type, depth)] : sampleSingle(type, depth);
  }
  return object;
}

const PRIMITIVE_SAMPLES: Readonly<Record<string, unknown>> = {
  boolean: true,
  dateTime: new Date(0),
  binary: Buffer.from('x'),
  string: 'text',
  anyURI: 'https://vc.example/sdk',
};

function sampleSingle(type: TypeExpression, depth: number): unknown {
  if (type.reference || type.name === 'ManagedObjectReference') {
    const of = type.reference ? type.name : 'Task';
    return { _typeName: 'ManagedObjectReference', type: of, value: 'object-1' };
  }
  if (type.name === 'anyType') return { _typeName: 'string', _value: 'text' };
  if (isPrimitive(type.name)) return PRIMITIVE_SAMPLES[type.name] ?? 7;
  const values = enumeration(type.name);
  return values ? [...values][0] : sampleObject(type.name, depth + 1);
}
