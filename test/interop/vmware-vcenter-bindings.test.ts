import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

import { beforeAll, expect, it } from 'vitest';

import { VAPI_OPERATIONS, rpcName } from '../../vcenter/index.js';
import type { Fields, ListType, MapType, OptionalType, VapiType } from '../../wire/vapi/index.js';
import { describeWith, runs } from './requires.js';

/*
 * Judge: the bindings of VMware's own Python client, which are made from vSphere's interface definitions. Every
 * operation below trusted-infrastructure must be there, with its path, and each member of its input and of its answer.
 */

const python = process.env.KPSIM_PYTHON ?? 'python3';
const bindings = {
  name: 'vmware-vcenter',
  found: runs(python, '-c', 'import com.vmware.vcenter.trusted_infrastructure_client'),
  install: 'pip install vmware-vcenter==8.0.3.0 (KPSIM_PYTHON names the interpreter)',
};

interface Told {
  readonly method: string;
  readonly path: string;
  readonly action: string | null;
  readonly body: string | null;
  readonly input: string;
  readonly output: string;
}

describeWith(bindings, "the bindings of VMware's Python client", () => {
  let told: Record<string, Told>;
  beforeAll(() => {
    const script = join(import.meta.dirname, 'vmware-vcenter-bindings.py');
    told = JSON.parse(execFileSync(python, [script], { maxBuffer: 1 << 24 }).toString()) as typeof told;
  }, 60_000);

  it('have the same operations below trusted-infrastructure, by name, path, members and types', () => {
    const ours = VAPI_OPERATIONS.filter(({ service }) => service.includes('.trusted_infrastructure')).map(
      (row): [string, Told] => [
        `${row.service}.${rpcName(row)}`,
        {
          method: row.method,
          path: row.path.replace(/:(\w+)/g, '{$1}'),
          action: row.actionOptional === true ? null : (row.action ?? null),
          body: row.body ?? null,
          input: textOf(row.input),
          output: textOf(row.output),
        },
      ],
    );
    const theirs = Object.entries(told).map(([name, row]) => [
      name,
      { ...row, path: row.path.replace(/\/$/, '') },
    ]);
    expect(Object.fromEntries(ours)).toEqual(Object.fromEntries(theirs));
  });
});

/** A type in the notation of the script. */
function textOf(type: VapiType): string {
  switch (type.kind) {
    case 'optional':
      return `${textOf((type as OptionalType).element)}?`;
    case 'list':
      return `${textOf((type as ListType).element)}[]`;
    case 'map':
      return `{${textOf((type as MapType).key)}: ${textOf((type as MapType).value)}}`;
    case 'enumeration':
      return [...(type.schema as unknown as { readonly options: readonly string[] }).options]
        .sort()
        .join('|');
    case 'structure': {
      const { name, fields } = type as VapiType & { readonly name: string; readonly fields: Fields };
      const members = Object.entries(fields).sort(([left], [right]) => (left < right ? -1 : 1));
      return `${name}{${members.map(([field, one]) => `${field}: ${textOf(one)}`).join(', ')}}`;
    }
    default:
      return type.kind;
  }
}
