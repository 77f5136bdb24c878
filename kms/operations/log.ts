import type { OperationHandler } from './handler.js';

/** Longer messages are cut. Own choice. */
const MESSAGE_LIMIT = 4096;

/** Writes a client's message into the server's log. KMIP 2.1 §6.1.29. */
export const log: OperationHandler<'Log'> = ({ logMessage }, scope) => {
  scope.server.log.info(
    { client: scope.client.name, message: logMessage.slice(0, MESSAGE_LIMIT) },
    'a client logs',
  );
  return {};
};

/** KMIP 2.1 §6.1.36. */
export const ping: OperationHandler<'Ping'> = () => ({});
