import type { Ticket } from '../../wire/kmip/index.js';
import type { RequestScope } from '../server/scope.js';
import type { Tickets } from '../server/tickets.js';
import type { OperationHandler } from './handler.js';

/** KMIP 2.1 §6.1.30. */
export const login: OperationHandler<'Login'> = (payload, scope) => ({ ticket: issued(payload, scope) });

/** KMIP 2.1 §6.1.12. */
export const delegatedLogin: OperationHandler<'DelegatedLogin'> = (payload, scope) => ({
  ticket: issued(payload, scope),
});

/** A ticket, which ends if the request does not hold: nobody was to have it then. */
function issued(payload: Parameters<Tickets['issue']>[1], scope: RequestScope): Ticket {
  const { tickets } = scope.server;
  const ticket = tickets.issue(scope.client, payload);
  scope.effects.whenUndone(() => tickets.takeBack(ticket));
  return ticket;
}

/** KMIP 2.1 §6.1.31. */
export const logout: OperationHandler<'Logout'> = ({ ticket }, scope) => {
  scope.server.tickets.end(ticket);
  return {};
};
