import type {
  RequestPayload,
  ResponseBatchItem,
  ResponsePayload,
  TypedOperation,
} from '../../wire/kmip/index.js';
import type { RequestScope } from '../server/scope.js';

/** The response item of another request, with which Poll answers in place of its own (KMIP 1.4 §4.28). */
export class PolledItem {
  readonly item: ResponseBatchItem;

  constructor(item: ResponseBatchItem) {
    this.item = item;
  }
}

/** What an operation answers: a payload; Poll a whole batch item. */
type OperationAnswer<O extends TypedOperation> = ResponsePayload<O> | (O extends 'Poll' ? PolledItem : never);

/** Performs one operation: reads and changes objects through the scope's workspace. @throws KmipError to refuse */
export type OperationHandler<O extends TypedOperation> = (
  payload: RequestPayload<O>,
  scope: RequestScope,
) => OperationAnswer<O> | Promise<OperationAnswer<O>>;
