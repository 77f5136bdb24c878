import { byteString, dateTimeExtended } from '../schema/codec.js';
import { enumeration } from '../schema/enumeration.js';
import { multiple, optional, required, structure } from '../schema/structure.js';

/** Poll (KMIP 1.4 §4.28, KMIP 2.1 §6.1.38) and Process (KMIP 2.1 §6.1.39). The answer to Poll is that of the request polled. */
export const pendingRequest = structure('Request Payload', {
  asynchronousCorrelationValue: required('AsynchronousCorrelationValue', byteString),
});

/** KMIP 1.4 §4.27, KMIP 2.1 §6.1.5. */
export const cancelResponse = structure('Cancel Response Payload', {
  asynchronousCorrelationValue: required('AsynchronousCorrelationValue', byteString),
  cancellationResult: required('CancellationResult', enumeration('CancellationResult')),
});

/** KMIP 2.1 §7.25. */
export const operations = structure('Operations', {
  operations: multiple('Operation', enumeration('Operation')),
});

/** KMIP 2.1 §6.1.41. */
export const queryAsynchronousRequestsRequest = structure('Query Asynchronous Requests Request Payload', {
  asynchronousCorrelationValues: optional(
    'AsynchronousCorrelationValues',
    structure('Asynchronous Correlation Values', {
      values: multiple('AsynchronousCorrelationValue', byteString),
    }),
  ),
  operations: optional('Operations', operations),
});

/** KMIP 2.1 §7.2. */
export const asynchronousRequest = structure('Asynchronous Request', {
  asynchronousCorrelationValue: required('AsynchronousCorrelationValue', byteString),
  operation: required('Operation', enumeration('Operation')),
  submissionDate: required('SubmissionDate', dateTimeExtended),
  processingStage: required('ProcessingStage', enumeration('ProcessingStage')),
});

/** KMIP 2.1 §6.1.41. */
export const queryAsynchronousRequestsResponse = structure('Query Asynchronous Requests Response Payload', {
  asynchronousRequests: multiple('AsynchronousRequest', asynchronousRequest),
});
