import type { OperationHandler } from './handler.js';

/** KMIP 2.1 §6.1.30. */
export const login: OperationHandler<'Login'> = (payload, scope) => ({
  ticket: scope.server.tickets.issue(scope.client, payload),
});

/** KMIP 2.1 §6.1.12. */
export const delegatedLogin: OperationHandler<'DelegatedLogin'> = (payload, scope) => ({
  ticket: scope.server.tickets.issue(scope.client, payload),
});

/** KMIP 2.1 §6.1.31. */
export const logout: OperationHandler<'Logout'> = ({ ticket }, scope) => {
  scope.server.tickets.end(ticket);
  return {};
};
