import type { Request, RequestHandler, Router } from 'express';
import express from 'express';

import { VapiError } from '../../core/http/index.js';
import { SESSION_HEADER } from '../../core/http/vi-json.js';
import { VimFault } from '../../wire/vim25/index.js';
import type { Session } from '../access/sessions.js';
import type { Vcenter } from '../vcenter.js';

const REALM = 'Basic realm="vCenter"';
/** Longest `Authorization` header that is looked at, in characters. */
const BASIC_LIMIT = 4096;

/** Sessions of the REST API: `/api/session`, and the older `/rest/com/vmware/cis/session`, which wraps its values. */
export function sessionRouter(vcenter: Vcenter): Router {
  const router = express.Router();
  for (const [path, wrap] of [
    ['/api/session', (value: unknown) => value],
    ['/rest/com/vmware/cis/session', (value: unknown) => ({ value })],
  ] as const) {
    router.post(path, async (request, response) => {
      if (path.startsWith('/rest/') && request.query['~action'] === 'get') {
        response.json(wrap(describeSession(restSession(vcenter, request))));
        return;
      }
      const id = await openSession(vcenter, request, basicCredentials(request.get('authorization')));
      response.setHeader(SESSION_HEADER, id);
      response.status(path === '/api/session' ? 201 : 200).json(wrap(id));
    });
    router.get(path, (request, response) => {
      response.json(wrap(describeSession(restSession(vcenter, request))));
    });
    router.delete(path, (request, response) => {
      vcenter.logOut(restSession(vcenter, request));
      response.status(path === '/api/session' ? 204 : 200).end();
    });
  }
  return router;
}

/** Lets only requests with a session through. */
export function requireSession(vcenter: Vcenter): RequestHandler {
  return (request, _response, next) => {
    restSession(vcenter, request);
    next();
  };
}

/** The session of a REST request. @throws VapiError `UNAUTHENTICATED` */
export function restSession(vcenter: Vcenter, request: Request): Session {
  const session = vcenter.sessions.use(request.get(SESSION_HEADER) ?? '');
  if (session) return session;
  throw new VapiError(
    'UNAUTHENTICATED',
    `Log in with POST /api/session, and send its answer as header ${SESSION_HEADER}.`,
    { challenge: REALM },
  );
}

/** Opens a session for who sent a request; its id. @throws VapiError `UNAUTHENTICATED`, `SERVICE_UNAVAILABLE` */
export async function openSession(
  vcenter: Vcenter,
  request: Request,
  { userName, password }: { readonly userName: string; readonly password: string },
): Promise<string> {
  try {
    const { id } = await vcenter.logIn({
      userName,
      password,
      locale: 'en_US',
      ipAddress: request.socket.remoteAddress ?? '',
      userAgent: (request.get('user-agent') ?? '').slice(0, 200),
    });
    return id;
  } catch (error) {
    if (!(error instanceof VimFault)) throw error;
    const type = error.fault === 'InvalidLogin' ? 'UNAUTHENTICATED' : 'SERVICE_UNAVAILABLE';
    throw new VapiError(type, error.message, { challenge: REALM });
  }
}

function basicCredentials(header: string | undefined): { userName: string; password: string } {
  const [, encoded] = /^Basic ([A-Za-z0-9+/]+={0,2})$/i.exec((header ?? '').slice(0, BASIC_LIMIT)) ?? [];
  const text = Buffer.from(encoded ?? '', 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (encoded === undefined || colon < 1) {
    throw new VapiError('UNAUTHENTICATED', 'Send user name and password as Authorization: Basic.', {
      challenge: REALM,
    });
  }
  return { userName: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** A session as `com.vmware.cis.session.info` tells it. */
export function describeSession(session: Session): Record<string, unknown> {
  return {
    user: session.principal.name,
    created_time: new Date(session.loginTime).toISOString(),
    last_accessed_time: new Date(session.lastActiveTime).toISOString(),
  };
}
