import type { RequestPayload, ResponsePayload, TypedOperation } from '../../wire/kmip/index.js';
import type { RequestScope } from '../server/scope.js';

/** Performs one operation: reads and changes objects through the scope's workspace. @throws KmipError to refuse */
export type OperationHandler<O extends TypedOperation> = (
  payload: RequestPayload<O>,
  scope: RequestScope,
) => ResponsePayload<O> | Promise<ResponsePayload<O>>;
