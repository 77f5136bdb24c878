import type { OperationName, TypedOperation } from '../../wire/kmip/index.js';
import { enumerationExistsIn } from '../../wire/kmip/index.js';
import { adjustAttribute } from './adjust-attribute.js';
import { archive, recover } from './archive.js';
import {
  addAttributeOperation,
  deleteAttributeOperation,
  getAttributeList,
  getAttributes,
  modifyAttributeOperation,
  setAttribute,
} from './attributes.js';
import { check } from './check.js';
import { create } from './create.js';
import { get } from './get.js';
import type { OperationHandler } from './handler.js';
import { obtainLease } from './lease.js';
import { activate, destroy, revoke } from './lifecycle.js';
import { locate } from './locate.js';
import { discoverVersions, query } from './query.js';
import { register } from './register.js';
import { getUsageAllocation } from './usage-allocation.js';

/** One operation as the server has it. */
interface OperationRow<O extends TypedOperation> {
  readonly perform: OperationHandler<O>;
  /** Whether it is open to clients that give no credential even where one is required (KMIP 1.4 §4.25). */
  readonly open?: true;
}

/** Every operation that the server performs. */
export const OPERATIONS: { readonly [O in TypedOperation]?: OperationRow<O> } = {
  Create: { perform: create },
  Register: { perform: register },
  Locate: { perform: locate },
  Check: { perform: check },
  Get: { perform: get },
  GetAttributes: { perform: getAttributes },
  GetAttributeList: { perform: getAttributeList },
  AddAttribute: { perform: addAttributeOperation },
  AdjustAttribute: { perform: adjustAttribute },
  SetAttribute: { perform: setAttribute },
  ModifyAttribute: { perform: modifyAttributeOperation },
  DeleteAttribute: { perform: deleteAttributeOperation },
  ObtainLease: { perform: obtainLease },
  GetUsageAllocation: { perform: getUsageAllocation },
  Activate: { perform: activate },
  Revoke: { perform: revoke },
  Destroy: { perform: destroy },
  Archive: { perform: archive },
  Recover: { perform: recover },
  Query: { perform: query, open: true },
  DiscoverVersions: { perform: discoverVersions, open: true },
};

/** The operations that exist in the version of this rank and are performed, in the order of their numbers. */
export function supportedOperations(rank: number): OperationName[] {
  return (Object.keys(OPERATIONS) as TypedOperation[]).filter((name) =>
    enumerationExistsIn('Operation', name, rank),
  );
}
