import type { MethodHandlers, VimObject } from '../../wire/vim25/index.js';
import { VimFault } from '../../wire/vim25/index.js';
import type { Session } from '../access/sessions.js';
import type { Caller } from './caller.js';
import { sessionOf } from './caller.js';
import type { PropertyReaders } from './property-table.js';

/** SessionManager: login and logout. */
export const SESSION_MANAGER_METHODS: MethodHandlers<Caller, 'SessionManager'> = {
  async Login(caller, _self, { userName, password, locale }) {
    if (caller.session) {
      throw new VimFault('InvalidLogin', 'This session is logged in already; log out first.');
    }
    const opened = await caller.vcenter.logIn({
      userName,
      password,
      locale: locale ?? 'en_US',
      ipAddress: caller.ipAddress,
      userAgent: caller.userAgent,
    });
    caller.session = opened.session;
    caller.sessionId = opened.id;
    return userSession(opened.session);
  },
  Logout(caller) {
    caller.vcenter.logOut(sessionOf(caller));
    caller.session = undefined;
    return undefined;
  },
  TerminateSession(caller, _self, { sessionId }) {
    const own = sessionOf(caller);
    for (const key of sessionId) {
      if (key === own.key) {
        throw new VimFault('InvalidArgument', 'End your own session with Logout.', {
          fields: { invalidProperty: 'sessionId' },
        });
      }
      const found = caller.vcenter.sessions.byKey(key);
      if (!found) throw new VimFault('NotFound', 'There is no such session; sessionList names them.');
      caller.vcenter.logOut(found);
    }
    return undefined;
  },
  SessionIsActive(caller, _self, { sessionID, userName }) {
    return caller.vcenter.sessions.byKey(sessionID)?.principal.name === userName;
  },
};

/** Properties of SessionManager. */
export const SESSION_MANAGER_PROPERTIES: PropertyReaders<'SessionManager'> = {
  currentSession: ({ session }) => session && userSession(session),
  sessionList(caller) {
    const { authorization, sessions } = caller.vcenter;
    const own = sessionOf(caller);
    const all = authorization.has(own.principal, ROOT, 'Sessions.TerminateSession');
    return sessions
      .list()
      .filter((session) => all || session === own)
      .map(userSession);
  },
  defaultLocale: () => 'en_US',
  messageLocaleList: () => ['en_US'],
  supportedLocaleList: () => ['en_US'],
  message: () => '',
};

const ROOT = {
  _typeName: 'ManagedObjectReference',
  type: 'SessionManager',
  value: 'SessionManager',
} as const;

function userSession(session: Session): VimObject<'UserSession'> {
  return {
    _typeName: 'UserSession',
    key: session.key,
    userName: session.principal.name,
    fullName: session.principal.name,
    loginTime: new Date(session.loginTime),
    lastActiveTime: new Date(session.lastActiveTime),
    locale: session.locale,
    messageLocale: 'en_US',
    extensionSession: false,
    ipAddress: session.ipAddress,
    userAgent: session.userAgent,
    callCount: session.callCount,
  };
}
