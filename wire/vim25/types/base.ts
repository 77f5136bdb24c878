import type { TypeRow } from '../type-expression.js';

/** Roots of the data model and the pieces that many types are made of. Source: vSphere Web Services API. */
export const BASE_TYPES = {
  DynamicData: { extends: null, fields: {} },
  Tag: { extends: 'DynamicData', fields: { key: 'string' } },
  CustomFieldValue: { extends: 'DynamicData', fields: { key: 'int' } },
  CustomFieldStringValue: { extends: 'CustomFieldValue', fields: { value: 'string' } },
  CustomFieldDef: {
    extends: 'DynamicData',
    fields: { key: 'int', name: 'string', type: 'string', managedObjectType: 'string?' },
  },
  ManagedObjectReference: {
    extends: null,
    fields: { type: 'string', value: 'string', serverGuid: 'string?' },
  },
  DynamicProperty: { extends: null, fields: { name: 'string', val: 'anyType' } },
  KeyValue: { extends: 'DynamicData', fields: { key: 'string', value: 'string' } },
  KeyAnyValue: { extends: 'DynamicData', fields: { key: 'string', value: 'anyType' } },
  LocalizableMessage: {
    extends: 'DynamicData',
    fields: { key: 'string', arg: 'KeyAnyValue[]?', message: 'string?' },
  },
  LocalizedMethodFault: {
    extends: 'DynamicData',
    fields: { fault: 'MethodFault', localizedMessage: 'string?' },
  },
  OptionValue: { extends: 'DynamicData', fields: { key: 'string', value: 'anyType?' } },
  Description: { extends: 'DynamicData', fields: { label: 'string', summary: 'string' } },
  ElementDescription: { extends: 'Description', fields: { key: 'string' } },
} as const satisfies Record<string, TypeRow>;
