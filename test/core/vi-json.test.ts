import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { HttpClient, createApp, startHttpsServer } from '../../core/http/index.js';
import type { HttpAnswer, HttpsServer } from '../../core/http/index.js';
import { viJsonRouter } from '../../core/http/vi-json.js';
import { createLogger } from '../../core/logging.js';
import { CertificateAuthority } from '../../core/pki/index.js';
import { MethodTable, VimFault, maskedArguments } from '../../wire/vim25/index.js';
import type { MethodHandlers, VimBackend } from '../../wire/vim25/index.js';

interface Caller {
  session: string | undefined;
}

const sessions = new Set(['s-1']);
const journal: unknown[] = [];
const logged: string[] = [];

const sessionManager: MethodHandlers<Caller, 'SessionManager'> = {
  Login(caller, _self, { userName, password }) {
    if (password !== 'right') throw new VimFault('InvalidLogin', 'Wrong user name or password.');
    caller.session = 's-1';
    return {
      _typeName: 'UserSession',
      key: 's-1',
      userName,
      fullName: userName,
      loginTime: new Date(0),
      lastActiveTime: new Date(0),
      locale: 'en',
      messageLocale: 'en',
      ipAddress: '127.0.0.1',
      userAgent: 'test',
      callCount: 1,
      extensionSession: false,
    };
  },
  Logout: () => undefined,
};

const cryptoManager: MethodHandlers<Caller, 'CryptoManagerKmip'> = {
  ListKeys: async () => {
    await Promise.resolve();
    return [{ _typeName: 'CryptoKeyId', keyId: 'k-1' }];
  },
  IsKmsClusterActive: () => true,
  GetDefaultKmsCluster: () => undefined,
  GenerateKey: () => {
    throw new Error('an internal detail');
  },
};

const managedEntity: MethodHandlers<Caller, 'ManagedEntity'> = {
  Rename_Task: (_caller, self, { newName }) => ({
    _typeName: 'ManagedObjectReference',
    type: 'Task',
    value: `task-${self.value}-${newName}`,
  }),
};

const backend: VimBackend<Caller> = {
  methods: new MethodTable<Caller>()
    .add('SessionManager', sessionManager)
    .add('CryptoManagerKmip', cryptoManager)
    .add('ManagedEntity', managedEntity),
  caller: ({ sessionId }) => ({ session: sessions.has(sessionId ?? '') ? sessionId : undefined }),
  isAuthenticated: (caller) => caller.session !== undefined,
  sessionId: (caller) => caller.session,
  authorize({ self }, privilege) {
    if (self.value === 'vm-none') {
      throw new VimFault('ManagedObjectNotFound', 'The object is gone.', { fields: { obj: self } });
    }
    if (privilege === 'Cryptographer.ManageKeyServers' && self.value === 'guarded') {
      throw new VimFault('NoPermission', 'Not allowed.', {
        fields: { object: self, privilegeId: privilege },
      });
    }
  },
  property: (_caller, _self, name) => (name === 'overallStatus' ? 'green' : undefined),
  async around(call, next) {
    journal.push([call.member, call.method && maskedArguments(call.method, call.args)]);
    return await next();
  },
};

let server: HttpsServer;
let client: HttpClient;

beforeAll(async () => {
  const ca = await CertificateAuthority.create({ commonName: 'test CA' });
  const tls = await ca.issueServer({ commonName: 'vc', ipAddresses: ['127.0.0.1'] });
  const app = createApp();
  const log = createLogger({ name: 'vc', stream: { write: (line) => void logged.push(line) } });
  app.use(viJsonRouter({ backend, log }));
  server = await startHttpsServer({ app, host: '127.0.0.1', port: 0, tls });
  client = new HttpClient({ baseUrl: server.url, caPem: ca.caPem });
});

afterAll(async () => {
  await client.close();
  await server.close();
});

async function post(
  path: string,
  body?: unknown,
  session?: string,
  release = '8.0.3.0',
): Promise<HttpAnswer> {
  const text = typeof body === 'string' ? body : body === undefined ? undefined : JSON.stringify(body);
  return await client.raw('POST', `/sdk/vim25/${release}/${path}`, text, headersOf(session));
}

async function get(path: string, session?: string): Promise<HttpAnswer> {
  return await client.raw('GET', `/sdk/vim25/8.0.3.0/${path}`, undefined, headersOf(session));
}

function headersOf(session: string | undefined): Record<string, string> {
  return session === undefined ? {} : { 'vmware-api-session-id': session };
}

function json(answer: HttpAnswer): unknown {
  return JSON.parse(answer.body.toString('utf8')) as unknown;
}

describe('the VI/JSON router', () => {
  it('answers Login with the session in a header, and then takes it back', async () => {
    const answer = await post('SessionManager/SessionManager/Login', {
      _typeName: 'LoginRequestType',
      userName: 'administrator@vsphere.local',
      password: 'right',
    });
    expect(answer.status).toBe(200);
    expect(answer.headers['vmware-api-session-id']).toBe('s-1');
    expect(json(answer)).toMatchObject({ _typeName: 'UserSession', loginTime: '1970-01-01T00:00:00.000Z' });

    const keys = await post('CryptoManagerKmip/CryptoManager/ListKeys', {}, 's-1');
    expect(json(keys)).toEqual([{ _typeName: 'CryptoKeyId', keyId: 'k-1' }]);
    expect(keys.headers['vmware-api-session-id']).toBeUndefined();
  });

  it('hands the journal arguments without the password', () => {
    expect(JSON.stringify(journal)).toContain('administrator@vsphere.local');
    expect(JSON.stringify(journal)).not.toContain('right');
  });

  it('answers 204 where there is nothing to return', async () => {
    expect((await post('SessionManager/SessionManager/Logout', undefined, 's-1')).status).toBe(204);
    const unset = await post('CryptoManagerKmip/CryptoManager/GetDefaultKmsCluster', {}, 's-1');
    expect(unset.status).toBe(204);
  });

  it('answers primitives as bare JSON', async () => {
    expect(json(await post('CryptoManagerKmip/CryptoManager/IsKmsClusterActive', {}, 's-1'))).toBe(true);
    expect(json(await get('VirtualMachine/vm-1/overallStatus', 's-1'))).toBe('green');
  });

  it('finds methods that a type inherits', async () => {
    const answer = await post('VirtualMachine/vm-1/Rename_Task', { newName: 'b' }, 's-1');
    expect(json(answer)).toEqual({
      _typeName: 'ManagedObjectReference',
      type: 'Task',
      value: 'task-vm-1-b',
    });
  });

  it.each([
    ['no session', 'CryptoManagerKmip/CryptoManager/ListKeys', {}, undefined, 'NotAuthenticated'],
    ['an expired session', 'CryptoManagerKmip/CryptoManager/ListKeys', {}, 's-2', 'NotAuthenticated'],
    [
      'a wrong password',
      'SessionManager/SessionManager/Login',
      { userName: 'a', password: 'b' },
      undefined,
      'InvalidLogin',
    ],
    ['a method that no type has', 'VirtualMachine/vm-1/Explode', {}, 's-1', 'MethodNotFound'],
    ['a type that nobody knows', 'Toaster/t-1/Toast', {}, 's-1', 'MethodNotFound'],
    ['a method that only vSphere has', 'VirtualMachine/vm-1/ResetVM_Task', {}, 's-1', 'NotSupported'],
    [
      'an object that is gone',
      'VirtualMachine/vm-none/Rename_Task',
      { newName: 'b' },
      's-1',
      'ManagedObjectNotFound',
    ],
    ['a missing privilege', 'CryptoManagerKmip/guarded/IsKmsClusterActive', {}, 's-1', 'NoPermission'],
    ['arguments of the wrong type', 'VirtualMachine/vm-1/Rename_Task', { newName: 5 }, 's-1', 'InvalidType'],
    ['a body that is no JSON', 'VirtualMachine/vm-1/Rename_Task', '{"newName":', 's-1', 'InvalidRequest'],
    ['a body that is no object', 'VirtualMachine/vm-1/Rename_Task', '[1]', 's-1', 'InvalidRequest'],
    ['a path that is no URL', 'VirtualMachine/vm%zz/Rename_Task', {}, 's-1', 'InvalidRequest'],
    ['too much of a path', 'VirtualMachine/vm-1/Rename_Task/x', {}, 's-1', 'InvalidRequest'],
    ['a huge body', 'VirtualMachine/vm-1/Rename_Task', `"${'x'.repeat(1_100_000)}"`, 's-1', 'InvalidRequest'],
  ])('answers %s with its fault and status 500', async (_what, path, body, session, fault) => {
    const answer = await post(path, body, session);
    expect(answer.status).toBe(500);
    expect(answer.headers['content-type']).toContain('application/json');
    expect(json(answer)).toMatchObject({ _typeName: fault });
  });

  it('keeps unexpected errors to the log', async () => {
    const answer = await post('CryptoManagerKmip/CryptoManager/GenerateKey', {}, 's-1');
    expect(json(answer)).toMatchObject({ _typeName: 'SystemError' });
    expect(answer.body.toString()).not.toContain('internal detail');
    expect(logged.join()).toContain('an internal detail');
  });

  it.each([
    ['7.0.0.0', 204],
    ['9.1.1.0', 204],
    ['6.7.3.0', 500],
    ['9.1.1.1', 500],
    ['latest', 500],
  ])('for release %s answers %i', async (release, status) => {
    const answer = await post('SessionManager/SessionManager/Logout', {}, 's-1', release);
    expect(answer.status).toBe(status);
  });

  it('refuses properties that a type does not have', async () => {
    expect(json(await get('VirtualMachine/vm-1/constructor', 's-1'))).toMatchObject({
      _typeName: 'InvalidProperty',
    });
    expect(json(await get('VirtualMachine/vm-1/name'))).toMatchObject({ _typeName: 'NotAuthenticated' });
  });
});
