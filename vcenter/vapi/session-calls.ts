import type { VapiType } from '../../wire/vapi/index.js';
import { dateTime, secret, string, structure, voidType } from '../../wire/vapi/index.js';
import type { Session } from '../access/sessions.js';
import { describeSession } from '../rest/session.js';
import type { Vcenter } from '../vcenter.js';

/** The service that opens and ends sessions; it alone is called without one. */
export const SESSION_SERVICE = 'com.vmware.cis.session';

const sessionInfo = structure('com.vmware.cis.session.info', {
  user: string(),
  created_time: dateTime,
  last_accessed_time: dateTime,
});
const sessionId = secret(256);

interface Answer {
  readonly type: VapiType;
  readonly value: unknown;
}

/** Operations of {@link SESSION_SERVICE}, each with the type of its answer. */
export interface SessionCalls {
  create(logIn: () => Promise<string>): Promise<Answer>;
  get(session: Session): Promise<Answer>;
  delete(session: Session): Promise<Answer>;
}

/** `com.vmware.cis.session` of a vCenter. */
export function sessionCalls(vcenter: Vcenter): SessionCalls {
  return {
    create: async (logIn) => ({ type: sessionId, value: await logIn() }),
    get: (session) => Promise.resolve({ type: sessionInfo, value: describeSession(session) }),
    delete: (session) => {
      vcenter.logOut(session);
      return Promise.resolve({ type: voidType, value: undefined });
    },
  };
}
