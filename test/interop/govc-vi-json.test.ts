import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { createApp, startHttpsServer } from '../../core/http/index.js';
import type { HttpsServer } from '../../core/http/index.js';
import { viJsonRouter } from '../../core/http/vi-json.js';
import { silentLogger } from '../../core/logging.js';
import { CertificateAuthority } from '../../core/pki/index.js';
import { MethodTable, VimFault } from '../../wire/vim25/index.js';
import type { Vim, VimBackend } from '../../wire/vim25/index.js';
import { describeWith, runs } from './requires.js';

/* Judge: govc, whose VI/JSON codec is VMware's own, reads what the codec and the router write. */

const govc = process.env.KPSIM_GOVC ?? 'govc';
const requirement = {
  name: 'govc',
  found: runs(govc, 'version'),
  install:
    '(cd test/interop/govc && go build -o /usr/local/bin/govc .), or name yours in KPSIM_GOVC (0.36 or later)',
};

interface Caller {
  session: string | undefined;
}

function reference(type: string): Vim<'ManagedObjectReference'> {
  return { _typeName: 'ManagedObjectReference', type, value: type };
}

const content: Vim<'ServiceContent'> = {
  _typeName: 'ServiceContent',
  rootFolder: reference('Folder'),
  propertyCollector: reference('PropertyCollector'),
  sessionManager: reference('SessionManager'),
  cryptoManager: { ...reference('CryptoManagerKmip'), value: 'CryptoManager' },
  about: {
    _typeName: 'AboutInfo',
    name: 'VMware vCenter Server',
    fullName: 'VMware vCenter Server 8.0.3 build-24022515',
    vendor: 'VMware, Inc.',
    version: '8.0.3',
    build: '24022515',
    osType: 'linux-x64',
    productLineId: 'vpx',
    apiType: 'VirtualCenter',
    apiVersion: '8.0.3.0',
  },
};

const session: Vim<'UserSession'> = {
  _typeName: 'UserSession',
  key: 'session-1',
  userName: 'user',
  fullName: 'user',
  loginTime: new Date(0),
  lastActiveTime: new Date(0),
  locale: 'en',
  messageLocale: 'en',
  extensionSession: false,
  ipAddress: '127.0.0.1',
  userAgent: 'govc',
  callCount: 0,
};

const tasks: string[] = [];
const backend: VimBackend<Caller> = {
  methods: new MethodTable<Caller>()
    .add('ServiceInstance', { RetrieveServiceContent: () => content })
    .add('SessionManager', {
      Login(caller, _self, { password }) {
        if (password !== 'right') throw new VimFault('InvalidLogin', 'Wrong user name or password.');
        caller.session = session.key;
        return session;
      },
      Logout: () => undefined,
    })
    .add('CryptoManagerKmip', {
      SetDefaultKmsCluster(_caller, _self, { clusterId }) {
        tasks.push(clusterId?.id ?? 'none');
        return undefined;
      },
      MarkDefault(_caller, _self, { clusterId }) {
        tasks.push(clusterId.id);
        return undefined;
      },
    }),
  caller: ({ sessionId }) => ({ session: sessionId === session.key ? sessionId : undefined }),
  isAuthenticated: (caller) => caller.session !== undefined,
  sessionId: (caller) => caller.session,
  authorize: () => undefined,
  property: () => undefined,
};

describeWith(requirement, 'VI/JSON, judged by govc', () => {
  let server: HttpsServer;
  let home: string;
  beforeAll(async () => {
    const ca = await CertificateAuthority.create({ commonName: 'test CA' });
    const tls = await ca.issueServer({ commonName: 'vc', ipAddresses: ['127.0.0.1'] });
    home = await mkdtemp(join(tmpdir(), 'kpsim-govc-'));
    await writeFile(join(home, 'ca.pem'), ca.caPem);
    const app = createApp();
    app.use(viJsonRouter({ backend, log: silentLogger }));
    server = await startHttpsServer({ app, host: '127.0.0.1', port: 0, tls });
  });
  afterAll(async () => {
    await server.close();
    await rm(home, { recursive: true });
  });

  function run(password: string, ...args: string[]): Promise<{ stdout: string; stderr: string }> {
    return runWith({ GOVC_VI_JSON: '1' }, password, ...args);
  }

  function runWith(
    more: Readonly<Record<string, string>>,
    password: string,
    ...args: string[]
  ): Promise<{ stdout: string; stderr: string }> {
    const env = {
      PATH: process.env.PATH,
      HOME: home,
      GOVMOMI_HOME: home,
      GOVC_URL: `https://user:${password}@127.0.0.1:${server.port}/sdk`,
      GOVC_TLS_CA_CERTS: join(home, 'ca.pem'),
      ...more,
      GOVC_VIM_VERSION: '8.0.3.0',
      GOVC_PERSIST_SESSION: 'false',
    };
    return new Promise((resolve) => {
      execFile(govc, args, { env, timeout: 20_000 }, (_error, stdout, stderr) => resolve({ stdout, stderr }));
    });
  }

  it('is understood in what it says of the service', async () => {
    const { stdout, stderr } = await run('right', 'about', '-json');
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toMatchObject({
      about: { fullName: 'VMware vCenter Server 8.0.3 build-24022515', apiVersion: '8.0.3.0' },
    });
  });

  it('is understood in its faults', async () => {
    const { stderr } = await run('wrong', 'about');
    expect(stderr).toContain('Wrong user name or password.');
  });

  it('is told how to speak VI/JSON when it speaks SOAP', async () => {
    const { stderr } = await runWith({}, 'right', 'about');
    expect(stderr).toContain('export GOVC_VI_JSON=1');
  });

  it('understands the arguments of a call with a session', async () => {
    const { stderr } = await run('right', 'kms.default', 'skp-1');
    expect(stderr).toBe('');
    expect(tasks).toContain('skp-1');
  });
});
