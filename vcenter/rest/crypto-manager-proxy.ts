import type { Request, Response, Router } from 'express';
import express from 'express';

import type { HttpAnswer } from '../../core/http/index.js';
import { HttpClient, VapiError, binaryBody } from '../../core/http/index.js';
import { KpsimError } from '../../core/errors.js';
import { referenceTo } from '../inventory/entities.js';
import { ROOT_FOLDER } from '../inventory/inventory.js';
import type { Vcenter } from '../vcenter.js';
import { restSession } from './session.js';

/** Largest body that is passed on: a backup in base64, or an export request. */
const BODY_LIMIT_BYTES = 1024 * 1024;
const PROVIDERS = '/api/vcenter/crypto-manager/kms/providers';
/** Headers of an answer that are passed back. */
const ANSWER_HEADERS = ['content-type', 'content-disposition', 'cache-control', 'www-authenticate'] as const;

/**
 * The front door's way to the native key provider service: checks the session, says who calls and with which
 * privileges, and passes the rest through. Downloads carry a token of their own and need no session.
 *
 * @param frontDoor `host:port` by which clients reach this vCenter, for the URLs of exports
 */
export function cryptoManagerProxy(
  vcenter: Vcenter,
  frontDoor: () => string,
): { readonly router: Router; close(): Promise<void> } {
  const { nativeKeyProviderUrl: baseUrl, tls, trustedCaPem: caPem } = vcenter.config;
  const http = baseUrl === undefined ? undefined : new HttpClient({ baseUrl, caPem, clientCertificate: tls });
  const router = express.Router();
  const body = binaryBody(BODY_LIMIT_BYTES);

  router.all('/api/vcenter/crypto-manager/{*rest}', body, async (request, response) => {
    const { principal } = restSession(vcenter, request);
    const root = referenceTo('Folder', ROOT_FOLDER);
    const held = [...vcenter.authorization.privilegesOn(principal, root)].filter((id) =>
      id.startsWith('Cryptographer.'),
    );
    if (held.includes('Cryptographer.ManageKeyServers')) await checkNewProvider(vcenter, request);
    await pass(http, request, response, {
      'x-kpsim-user': principal.name,
      'x-kpsim-privileges': held.join(','),
      'x-forwarded-host': frontDoor(),
    });
  });
  router.all('/cryptomanager/{*rest}', body, async (request, response) => {
    const { authorization } = request.headers;
    await pass(http, request, response, authorization === undefined ? {} : { authorization });
  });
  return { router, close: () => http?.close() ?? Promise.resolve() };
}

/**
 * The service knows native providers only; that there are at most 32 of all kinds, each name once, is checked here.
 *
 * @throws VimFault `InvalidArgument`, `AlreadyExists`, `NotSupported`
 */
async function checkNewProvider(vcenter: Vcenter, request: Request): Promise<void> {
  const { action } = request.query;
  if (request.method !== 'POST' || request.path !== PROVIDERS) return;
  if (action !== undefined && action !== 'import') return;
  const name = action === 'import' ? undefined : providerOf(request.body);
  if (name === undefined && action === undefined) return; // the service says what is wrong with the body
  await vcenter.providers.checkNew(name, 'native');
}

function providerOf(body: unknown): string | undefined {
  try {
    const json: unknown = JSON.parse(Buffer.isBuffer(body) ? body.toString('utf8') : '');
    const named = typeof json === 'object' && json !== null && 'provider' in json ? json.provider : undefined;
    return typeof named === 'string' ? named : undefined;
  } catch {
    return undefined;
  }
}

async function pass(
  http: HttpClient | undefined,
  request: Request,
  response: Response,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  if (!http) {
    throw new VapiError('UNSUPPORTED', 'This vCenter has no native key provider service.');
  }
  const sent: unknown = request.body;
  const answer = await ask(http, request, Buffer.isBuffer(sent) && sent.length > 0 ? sent : undefined, {
    ...headers,
    ...(request.headers['content-type'] !== undefined && { 'content-type': request.headers['content-type'] }),
  });
  for (const name of ANSWER_HEADERS) {
    const value = answer.headers[name];
    if (value !== undefined) response.setHeader(name, value);
  }
  response.status(answer.status).end(answer.body);
}

async function ask(
  http: HttpClient,
  request: Request,
  body: Buffer | undefined,
  headers: Readonly<Record<string, string>>,
): Promise<HttpAnswer> {
  const method = request.method as 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  try {
    return await http.raw(method, request.originalUrl, body, headers);
  } catch (error) {
    if (!(error instanceof KpsimError)) throw error;
    throw new VapiError(
      'SERVICE_UNAVAILABLE',
      'The native key provider service does not answer; try again later.',
      {
        cause: error,
      },
    );
  }
}
