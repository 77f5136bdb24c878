import { trustedInfrastructureOperations } from '../trusted-infrastructure/index.js';
import type { Vcenter } from '../vcenter.js';
import type { VapiOperation } from './operation.js';
import { powerOperations } from './power-operations.js';
import { taskOperations } from './task-operations.js';

/** All operations of a vCenter that are rows, for REST and JSON-RPC. */
export function vapiOperations(vcenter: Vcenter): readonly VapiOperation[] {
  return [
    ...taskOperations(vcenter),
    ...powerOperations(vcenter),
    ...trustedInfrastructureOperations(vcenter),
  ];
}

const nobody: unknown = {};

/** What all operations are called and are made of, for documents and tests; without a vCenter none of them runs. */
export const VAPI_OPERATIONS: readonly Omit<VapiOperation, 'run'>[] = vapiOperations(nobody as Vcenter);
