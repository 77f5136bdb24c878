import type { TypeRow } from '../type-expression.js';

/** Property collector: what to select, and what was found or changed. Source: vSphere Web Services API. */
export const PROPERTY_COLLECTOR_TYPES = {
  PropertyFilterSpec: {
    extends: 'DynamicData',
    fields: {
      propSet: 'PropertySpec[]',
      objectSet: 'ObjectSpec[]',
      reportMissingObjectsInResults: 'boolean?',
    },
  },
  ObjectSpec: {
    extends: 'DynamicData',
    fields: { obj: '&ManagedObject', skip: 'boolean?', selectSet: 'SelectionSpec[]?' },
  },
  PropertySpec: { extends: 'DynamicData', fields: { type: 'string', all: 'boolean?', pathSet: 'string[]?' } },
  SelectionSpec: { extends: 'DynamicData', fields: { name: 'string?' } },
  TraversalSpec: {
    extends: 'SelectionSpec',
    fields: { type: 'string', path: 'string', skip: 'boolean?', selectSet: 'SelectionSpec[]?' },
  },
  RetrieveOptions: { extends: 'DynamicData', fields: { maxObjects: 'int?' } },
  RetrieveResult: { extends: 'DynamicData', fields: { token: 'string?', objects: 'ObjectContent[]' } },
  ObjectContent: {
    extends: 'DynamicData',
    fields: { obj: '&ManagedObject', propSet: 'DynamicProperty[]?', missingSet: 'MissingProperty[]?' },
  },
  MissingProperty: { extends: 'DynamicData', fields: { path: 'string', fault: 'LocalizedMethodFault' } },
  UpdateSet: {
    extends: 'DynamicData',
    fields: { version: 'string', filterSet: 'PropertyFilterUpdate[]?', truncated: 'boolean?' },
  },
  PropertyFilterUpdate: {
    extends: 'DynamicData',
    fields: { filter: '&PropertyFilter', objectSet: 'ObjectUpdate[]?', missingSet: 'MissingObject[]?' },
  },
  ObjectUpdate: {
    extends: 'DynamicData',
    fields: {
      kind: 'ObjectUpdateKind',
      obj: '&ManagedObject',
      changeSet: 'PropertyChange[]?',
      missingSet: 'MissingProperty[]?',
    },
  },
  MissingObject: { extends: 'DynamicData', fields: { obj: '&ManagedObject', fault: 'LocalizedMethodFault' } },
  PropertyChange: {
    extends: 'DynamicData',
    fields: { name: 'string', op: 'PropertyChangeOp', val: 'anyType?' },
  },
  WaitOptions: { extends: 'DynamicData', fields: { maxWaitSeconds: 'int?', maxObjectUpdates: 'int?' } },
} as const satisfies Record<string, TypeRow>;
