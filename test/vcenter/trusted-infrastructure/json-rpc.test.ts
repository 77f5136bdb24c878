import { gzipSync } from 'node:zlib';

import { expect, it } from 'vitest';

import { MAX_IMGDB_BYTES } from '../../../wire/esx-image/index.js';
import type { RunningVcenter } from '../site.js';
import { ADMINISTRATOR, PASSWORD, Site } from '../site.js';

const SESSION = 'com.vmware.cis.session';
const PRINCIPAL = 'com.vmware.vcenter.trusted_infrastructure.principal';
const CLUSTERS = 'com.vmware.vcenter.trusted_infrastructure.trust_authority_clusters';
const PASSWORD_CONTEXT = {
  schemeId: 'com.vmware.vapi.std.security.user_pass',
  userName: ADMINISTRATOR,
  password: PASSWORD,
};
const sessionContext = (sessionId: string) => ({
  schemeId: 'com.vmware.vapi.std.security.session_id',
  sessionId,
});
const input = (fields: object): unknown => ({ STRUCTURE: { 'operation-input': fields } });

interface Answer {
  readonly id: unknown;
  readonly result?: { readonly output?: unknown; readonly error?: unknown };
  readonly error?: { readonly code: number; readonly data: string };
}

async function send(
  { client }: RunningVcenter,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const answer = await client.raw('POST', '/api', body, {
    'vmware-api-session-id': '',
    'content-type': 'application/json',
    ...headers,
  });
  expect(answer.status).toBe(200);
  return JSON.parse(answer.body.toString()) as Answer;
}

function call(
  vc: RunningVcenter,
  serviceId: string,
  operationId: string,
  securityCtx: unknown,
  fields: object = {},
): Promise<Answer> {
  const params = { serviceId, operationId, input: input(fields), ctx: { appCtx: {}, securityCtx } };
  return send(vc, JSON.stringify({ jsonrpc: '2.0', id: '7', method: 'invoke', params }));
}

async function logIn(vc: RunningVcenter): Promise<string> {
  const { result } = await call(vc, SESSION, 'create', PASSWORD_CONTEXT);
  return (result?.output as { SECRET: string }).SECRET;
}

const refusedWith = (name: string) => ({
  id: '7',
  result: { error: { ERROR: { [`com.vmware.vapi.std.errors.${name}`]: expect.anything() as unknown } } },
});

it('opens a session, performs operations in it, and ends it', async () => {
  const vc = await (await Site.create()).startVcenter('vc-east');
  const session = sessionContext(await logIn(vc));
  const { result } = await call(vc, PRINCIPAL, 'get', session);
  const [structure] = Object.keys((result?.output as { STRUCTURE: object }).STRUCTURE);
  expect(structure).toBe(`${PRINCIPAL}.info`);
  expect(await call(vc, SESSION, 'delete', session)).toEqual({
    jsonrpc: '2.0',
    id: '7',
    result: { output: null },
  });
  expect(await call(vc, PRINCIPAL, 'get', session)).toMatchObject(refusedWith('unauthenticated'));
});

it('answers the same as REST does', async () => {
  const vc = await (await Site.create()).startVcenter('vc-east');
  const session = sessionContext(await logIn(vc));
  const rest = (await vc.client.rest('GET', '/api/vcenter/trusted-infrastructure/principal')) as {
    issuer: string;
  };
  const rpc = await call(vc, PRINCIPAL, 'get', session);
  expect(JSON.stringify(rpc)).toContain(JSON.stringify(rest.issuer));
  const missing = await call(vc, CLUSTERS, 'get', session, { cluster: 'domain-c999' });
  expect(missing).toMatchObject(refusedWith('not_found'));
});

it('refuses wrong passwords, unknown operations and wrong input, each in its own form', async () => {
  const vc = await (await Site.create()).startVcenter('vc-east');
  const wrong = await call(vc, SESSION, 'create', { ...PASSWORD_CONTEXT, password: 'wrong' });
  expect(wrong).toMatchObject(refusedWith('unauthenticated'));
  expect(await call(vc, PRINCIPAL, 'get', undefined)).toMatchObject(refusedWith('unauthenticated'));
  const session = sessionContext(await logIn(vc));
  expect(await call(vc, PRINCIPAL, 'set', session)).toMatchObject(refusedWith('operation_not_found'));
  expect(await call(vc, CLUSTERS, 'update', session)).toMatchObject(refusedWith('operation_not_found'));
  expect(await call(vc, CLUSTERS, 'get', session, { cluster: 7 })).toMatchObject({ error: { code: -32602 } });
  expect(await call(vc, CLUSTERS, 'get', session, { cluster: '' })).toMatchObject(
    refusedWith('invalid_argument'),
  );
  expect(await call(vc, CLUSTERS, 'get', session, { cluster: 'c', x: 1 })).toMatchObject({
    error: { code: -32602 },
  });
});

it.each([
  ['com.vmware.vcenter.host', 'list', 'Use REST, GET /api/vcenter/host, or VI/JSON'],
  ['com.vmware.vcenter.VM', 'list', 'Use REST, GET /api/vcenter/vm, or VI/JSON'],
  [CLUSTERS, 'update', 'The service has list, get, update$task'],
  [
    'com.vmware.content.library',
    'list',
    'JSON-RPC has trusted infrastructure, power of VMs, sessions and tasks',
  ],
])('says for %s.%s what there is instead', async (service, operation, text) => {
  const vc = await (await Site.create()).startVcenter('vc-east');
  const answer = await call(vc, service, operation, sessionContext(await logIn(vc)));
  expect(answer).toMatchObject(refusedWith('operation_not_found'));
  expect(JSON.stringify(answer)).toContain(text);
});

it.each([
  ['GET', '/trusted-infrastructure/attestation/services', 'it takes POST ?action=query, POST.'],
  ['POST', '/trusted-infrastructure/attestation/services?action=x', 'it takes POST ?action=query, POST.'],
  ['DELETE', '/host', 'it takes GET.'],
  ['PUT', '/nothing', 'check method and path'],
] as const)('says for %s %s what the path takes', async (method, path, text) => {
  const vc = await (await Site.create()).startVcenter('vc-east');
  const { status, body } = await vc.client.raw(method, `/api/vcenter${path}`);
  expect(status).toBe(404);
  expect(body.toString()).toContain(text);
});

it('refuses what is no call, and headers that name another operation', async () => {
  const vc = await (await Site.create()).startVcenter('vc-east');
  expect(await send(vc, '{')).toMatchObject({ id: null, error: { code: -32700 } });
  expect(await send(vc, '[]')).toMatchObject({ id: null, error: { code: -32600 } });
  expect(await send(vc, JSON.stringify('x'.repeat(2 * 1024 * 1024)))).toMatchObject({
    error: { code: -32700 },
  });
  const params = { serviceId: SESSION, operationId: 'create', input: input({}), ctx: {} };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'invoke', params });
  expect(await send(vc, body, { 'vapi-operation': 'delete' })).toMatchObject({
    id: 1,
    error: { code: -31001 },
  });
  const journal = JSON.stringify(vc.context.journal.entries());
  expect(journal).toContain('invalidOperation');
  expect(journal).not.toContain(PASSWORD);
});

const IMAGES = `${CLUSTERS}.attestation.os.esx.base_images`;
const IMPORT = { 'vapi-service': IMAGES, 'vapi-operation': 'import_from_imgdb$task' };
const importOf = (imgdb: string, ctx: object): string =>
  JSON.stringify({
    jsonrpc: '2.0',
    id: '7',
    method: 'invoke',
    params: {
      serviceId: IMAGES,
      operationId: 'import_from_imgdb$task',
      input: input({ cluster: 'domain-c999', imgdb: { BINARY: imgdb } }),
      ctx,
    },
  });
/** Base64 that is longer than a usual body. */
const LONG = 'AAAA'.repeat(400_000);

it('reads a large body only of who has a session, told in the body or in the header', async () => {
  const vc = await (await Site.create()).startVcenter('vc-east');
  const id = await logIn(vc);
  const nobody = { securityCtx: sessionContext('0'.repeat(40)) };
  expect(await send(vc, importOf(LONG, nobody), IMPORT)).toMatchObject({
    id: null,
    error: { code: -32700, data: expect.stringContaining('Log in') as unknown },
  });
  const reached = { id: '7', result: expect.anything() as unknown };
  expect(await send(vc, importOf(LONG, { securityCtx: sessionContext(id) }), IMPORT)).toMatchObject(reached);
  const inHeader = { ...IMPORT, 'vmware-api-session-id': id };
  expect(await send(vc, importOf(LONG, {}), inHeader)).toMatchObject(reached);
});

it('parses no large body of much structure, and inflates none', async () => {
  const vc = await (await Site.create()).startVcenter('vc-east');
  const headers = { ...IMPORT, 'vmware-api-session-id': await logIn(vc) };
  const many = `[${'[],'.repeat(500_000)}0]`;
  const parse = (text: string): object => ({
    id: null,
    error: { code: -32700, data: expect.stringContaining(text) as unknown },
  });
  expect(await send(vc, many, headers)).toMatchObject(parse('more members'));
  const sent = gzipSync(importOf('AAAA', {}));
  for (const named of [headers, {}]) {
    const answer = await vc.client.raw('POST', '/api', sent, { ...named, 'content-encoding': 'gzip' });
    expect(JSON.parse(answer.body.toString())).toMatchObject(parse('without a content encoding'));
  }
  const rest = `/api/vcenter/trusted-infrastructure/trust-authority-clusters/domain-c999/attestation/os/esx/base-images`;
  for (const type of ['application/octet-stream', 'application/json']) {
    const path = `${rest}?action=import-from-imgdb&vmw-task=true`;
    const refused = await vc.client.raw('POST', path, '\x1f\x8bno JSON', { 'content-type': type });
    expect(JSON.parse(refused.body.toString())).toMatchObject({
      error_type: 'UNEXPECTED_INPUT',
      messages: [{ default_message: expect.stringContaining('a JSON string of base64') as string }],
    });
  }
  const answer = await vc.client.raw('POST', `${rest}?action=import-from-imgdb&vmw-task=true`, many, {
    'content-type': 'application/json',
  });
  expect(answer.body.toString()).toContain('more members');
});

it('takes in two large bodies at a time whose sessions it does not know yet', async () => {
  const vc = await (await Site.create()).startVcenter('vc-east');
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => send(vc, importOf('AAAA'.repeat(1_000_000), {}), IMPORT)),
  );
  const told = answers.map(({ error }) => error?.data ?? '');
  expect(told.some((text) => text.includes('too large'))).toBe(true);
  expect(told.some((text) => text.includes('Log in'))).toBe(true);
});

it('takes in a base image no larger than attestation services do', async () => {
  const vc = await (await Site.create()).startVcenter('vc-east');
  const answer = await send(vc, importOf('AAAA'.repeat(Math.ceil(MAX_IMGDB_BYTES / 3) + 4096), {}), IMPORT);
  expect(answer.error?.data).toContain('too large');
});
