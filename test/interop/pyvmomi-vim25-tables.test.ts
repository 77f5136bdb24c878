import { spawnSync } from 'node:child_process';

import { beforeAll, expect, it } from 'vitest';

import { ENUMERATIONS, VIM_OBJECTS, VIM_TYPES } from '../../wire/vim25/index.js';
import type { ObjectRow, TypeRow } from '../../wire/vim25/index.js';
import { describeWith, runs } from './requires.js';

/*
 * Judge: VMware's own Python SDK, whose type information is made from vSphere's data model. Every name, base,
 * field, array, optionality, parameter, result and privilege of kpsim's tables must be there just so.
 */

const python = process.env.KPSIM_PYTHON ?? 'python3';
const pyvmomi = {
  name: 'pyvmomi',
  found: runs(python, '-c', 'import pyVmomi'),
  install: 'pip install pyvmomi (KPSIM_PYTHON names the interpreter)',
};

/** Reads the SDK's type information and prints it in the notation of kpsim's tables. */
const DUMP = `
import importlib.util, json, os
home = os.path.dirname(importlib.util.find_spec('pyVmomi').origin)
OPTIONAL, SECRET = 1, 8
types, enums, objects, names = {}, {}, {}, {}
def data(vmodl, wsdl, base, version, fields): types[wsdl] = (base, fields or []); names[vmodl] = ('', wsdl)
def enum(vmodl, wsdl, version, values): enums[wsdl] = values; names[vmodl] = ('', wsdl)
def managed(vmodl, wsdl, base, version, properties, methods):
    objects[wsdl] = (base, properties or [], methods or []); names[vmodl] = ('&', wsdl)
scope = dict(CreateDataType=data, CreateEnumType=enum, CreateManagedType=managed,
             F_OPTIONAL=OPTIONAL, F_LINK=2, F_LINKABLE=4, F_SECRET=SECRET)
for part in ('core', 'query', 'vim'):
    for line in open(os.path.join(home, '_typeinfo_%s.py' % part)):
        if line.startswith('Create'): exec(line, scope)
names.update({'vmodl.ManagedObject': ('&', 'ManagedObject'), 'vmodl.MethodFault': ('', 'LocalizedMethodFault'),
              'vmodl.DateTime': ('', 'dateTime'), 'vmodl.URI': ('', 'anyURI'), 'vmodl.Binary': ('', 'binary')})
for text in ('PropertyPath', 'TypeName', 'MethodName'): names['vmodl.' + text] = ('', 'string')
def expression(kind, flags):
    element = kind[:-2] if kind.endswith('[]') else kind
    prefix, name = names.get(element, ('', element))
    return (prefix + name + ('[]' if element != kind else '') + ('?' if flags & OPTIONAL else '')
            + (' secret' if flags & SECRET else ''))
def base_of(base): return names[base][1] if base in names else base.split('.')[-1]
print(json.dumps({
    'enums': enums,
    'types': {name: {'base': 'MethodFault' if base == 'vmodl.MethodFault' else base_of(base),
                     'fields': {f[0]: expression(f[1], f[3]) for f in fields}}
              for name, (base, fields) in types.items()},
    'objects': {name: {'base': base_of(base),
                       'properties': {p[0]: expression(p[1], p[3]) for p in properties},
                       'methods': {m[1]: {'params': {a[0]: expression(a[1], a[3]) for a in m[3]},
                                          'result': expression(m[4][1], m[4][0]), 'privilege': m[5]}
                                   for m in methods}}
                for name, (base, properties, methods) in objects.items()}}))
`;

interface Model {
  readonly enums: Record<string, string[]>;
  readonly types: Record<string, { base: string; fields: Record<string, string> }>;
  readonly objects: Record<
    string,
    {
      base: string;
      properties: Record<string, string>;
      methods: Record<string, { params: Record<string, string>; result: string; privilege: string | null }>;
    }
  >;
}

/** Roots, which the SDK has in its core and not in its type information. */
const ROOTS = new Set([
  'DynamicData',
  'MethodFault',
  'RuntimeFault',
  'LocalizedMethodFault',
  'ManagedObjectReference',
  'ManagedObject',
]);

describeWith(pyvmomi, "kpsim's tables of the vSphere data model, judged by pyVmomi", () => {
  let model: Model;
  beforeAll(() => {
    const { stdout, stderr } = spawnSync(python, ['-c', DUMP], { maxBuffer: 64 << 20, encoding: 'utf8' });
    expect(stderr).toBe('');
    model = JSON.parse(stdout) as Model;
  });

  it('have the values of every enumerated type', () => {
    for (const [name, values] of Object.entries(ENUMERATIONS)) {
      expect(values, name).toEqual(model.enums[name]);
    }
  });

  it('have the base and the fields of every data type', () => {
    for (const [name, row] of Object.entries(VIM_TYPES) as [string, TypeRow][]) {
      if (ROOTS.has(name)) continue;
      const judge = model.types[name];
      expect(judge, name).toBeDefined();
      expect(row.extends ?? 'DataObject', name).toBe(judge!.base);
      expect(row.fields, name).toEqual(sameNames(row.fields, judge!.fields));
      expect(inOrderOf(Object.keys(judge!.fields), Object.keys(row.fields)), name).toBe(true);
    }
  });

  it('have the base, the properties and the methods of every managed object type', () => {
    for (const [name, row] of Object.entries(VIM_OBJECTS) as [string, ObjectRow][]) {
      if (ROOTS.has(name)) continue;
      const judge = model.objects[name];
      expect(judge, name).toBeDefined();
      expect(row.extends, name).toBe(judge!.base);
      expect(row.properties, name).toEqual(sameNames(row.properties, judge!.properties));
      for (const [method, signature] of Object.entries(row.methods)) {
        const expected = judge!.methods[method];
        const params = sameNames(signature.params, expected?.params ?? {});
        expect(signature, `${name}.${method}`).toEqual({ ...expected, params });
      }
    }
  });
});

/** The judge's entries that kpsim has too; a managed object type that kpsim lacks may stand as any. */
function sameNames(
  ours: Readonly<Record<string, string>>,
  judge: Readonly<Record<string, string>>,
): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.keys(ours).map((name) => {
      const [, object, rest] = /^&(\w+)(.*)$/.exec(judge[name] ?? '') ?? [];
      const unknown = object !== undefined && !(object in VIM_OBJECTS);
      return [name, unknown ? `&ManagedObject${rest ?? ''}` : judge[name]];
    }),
  );
}

function inOrderOf(all: readonly string[], some: readonly string[]): boolean {
  const positions = some.map((name) => all.indexOf(name));
  return positions.every((position, index) => index === 0 || position > positions[index - 1]!);
}
