import type { ManagedObjectReference } from '../../wire/vim25/index.js';
import { VimFault } from '../../wire/vim25/index.js';
import type { Principal } from '../access/authorization.js';
import type { Session } from '../access/sessions.js';
import type { Vcenter } from '../vcenter.js';

/** Who calls a managed object, and the vCenter that is called. Made anew for every request; logging in changes it. */
export interface Caller {
  readonly vcenter: Vcenter;
  readonly ipAddress: string;
  readonly userAgent: string;
  session: Session | undefined;
  /** Id of the session; told to the client when it is not the one that the client sent. */
  sessionId: string | undefined;
}

/** The session of a caller that must have one. @throws VimFault `NotAuthenticated` */
export function sessionOf(caller: Caller): Session {
  if (caller.session) return caller.session;
  throw new VimFault('NotAuthenticated', 'The session is not authenticated. Log in first.');
}

/** The user of a caller that must have a session. @throws VimFault `NotAuthenticated` */
export function principalOf(caller: Caller): Principal {
  return sessionOf(caller).principal;
}

/** @throws VimFault `NoPermission` with the object and the privilege that is missing */
export function demand(caller: Caller, object: ManagedObjectReference, privilegeId: string): void {
  caller.vcenter.authorization.demand(principalOf(caller), object, privilegeId);
}
