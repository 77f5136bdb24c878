import type { OperationHandler } from './handler.js';
import { PolledItem } from './handler.js';

/** KMIP 1.4 §4.28, KMIP 2.1 §6.1.38. */
export const poll: OperationHandler<'Poll'> = async ({ asynchronousCorrelationValue }, scope) => {
  const { item, release } = await scope.server.asynchronous.poll(scope.client, asynchronousCorrelationValue);
  scope.effects.whenDone(release);
  return new PolledItem(item);
};

/** KMIP 1.4 §4.27, KMIP 2.1 §6.1.5. */
export const cancel: OperationHandler<'Cancel'> = ({ asynchronousCorrelationValue }, scope) => ({
  asynchronousCorrelationValue,
  cancellationResult: scope.server.asynchronous.cancel(scope.client, asynchronousCorrelationValue),
});

/** KMIP 2.1 §6.1.39. */
export const processRequest: OperationHandler<'Process'> = ({ asynchronousCorrelationValue }, scope) => {
  scope.server.asynchronous.process(scope.client, asynchronousCorrelationValue);
  return {};
};

/** KMIP 2.1 §6.1.41. */
export const queryAsynchronousRequests: OperationHandler<'QueryAsynchronousRequests'> = (payload, scope) => {
  const { asynchronousCorrelationValues, operations } = payload;
  const values = asynchronousCorrelationValues?.values ?? [];
  const wanted = operations?.operations ?? [];
  return {
    asynchronousRequests: scope.server.asynchronous
      .outstanding(scope.client)
      .filter(
        (row) => values.length === 0 || values.some((it) => it.equals(row.asynchronousCorrelationValue)),
      )
      .filter((row) => wanted.length === 0 || wanted.includes(row.operation)),
  };
};
