import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { writeFileDurable } from '../../core/data-dir.js';
import { endpointNamed } from '../../core/lifecycle.js';
import type { Service } from '../../core/lifecycle.js';
import { NativeKpService, nativeKpConfigSchema } from '../../native-kp/index.js';
import { VcenterService, vcenterConfigSchema } from '../../vcenter/index.js';
import { COMMON_SETTINGS, ownSettings } from './settings.js';
import type { StandaloneService, Surroundings } from './standalone.js';

const { shape } = vcenterConfigSchema;
const ADMINISTRATOR = 'administrator@vsphere.local';
const PASSWORD_FILE = 'administrator-password';

const schema = vcenterConfigSchema.omit({ tls: true, trustedCaPem: true }).extend({
  name: shape.name
    .default('vc-1')
    .describe('Instance name, also the subject of its certificate towards hosts.'),
  port: shape.port.describe('Port of the front door (HTTPS); 0 for any.'),
  version: shape.version.describe('Version of vCenter.'),
  build: shape.build.describe('Build number.'),
  publicUrl: shape.publicUrl.describe('Address by which clients reach the front door, if it is another one.'),
  nativeKeyProviderUrl: shape.nativeKeyProviderUrl.describe(
    'A native key provider service of yours; the vCenter starts one of its own without.',
  ),
  users: shape.users.optional(),
  sessionIdleSeconds: shape.sessionIdleSeconds.describe('A session that is not used for so long ends.'),
  sessionLimit: shape.sessionLimit.describe('Sessions at one time.'),
  hostRefreshSeconds: shape.hostRefreshSeconds.describe('How often hosts are asked how they stand.'),
  ...COMMON_SETTINGS,
});

/** A vCenter that runs alone, with its native key provider service. */
export const standaloneVcenter: StandaloneService<typeof schema> = {
  schema,
  nameOf: ({ name }) => name,
  start: async (settings, surroundings, running) => {
    const { tls, trustedCaPem, dataDir } = surroundings;
    const own = ownSettings(settings);
    const made = settings.users === undefined ? await administrator(dataDir) : undefined;
    const config = vcenterConfigSchema.parse({
      ...own,
      users: settings.users ?? [made?.user],
      nativeKeyProviderUrl:
        settings.nativeKeyProviderUrl ?? (await nativeKp(settings, surroundings, running)),
      tls,
      trustedCaPem,
    });
    const service = new VcenterService(config, await surroundings.contextOf(settings.name));
    running.push(service);
    const endpoints = await service.start();
    return { endpoints, notes: notesOf(surroundings, made?.passwordPath) };
  },
};

/** The administrator of a vCenter that was given no users; its password is made once and kept in a file. */
async function administrator(
  dataDir: string,
): Promise<{ readonly user: unknown; readonly passwordPath: string }> {
  const passwordPath = join(dataDir, PASSWORD_FILE);
  let password = await readFile(passwordPath, 'utf8').catch(() => undefined);
  if (password === undefined) {
    password = randomBytes(18).toString('base64url');
    await writeFileDurable(passwordPath, password);
  }
  return { user: { name: ADMINISTRATOR, password: password.trim(), role: 'Admin' }, passwordPath };
}

/** Starts the native key provider service behind the front door; the front door's certificate opens it. */
async function nativeKp(
  { name, host }: { readonly name: string; readonly host: string },
  surroundings: Surroundings,
  running: Service[],
): Promise<string> {
  const nkpName = `${name}-nkp`;
  const { certificates } = surroundings;
  const own = certificates && (await certificates.server(nkpName, host));
  const config = nativeKpConfigSchema.parse({
    name: nkpName,
    tls: own ? { certificatePem: own.chainPem, privateKeyPem: own.privateKeyPem } : surroundings.tls,
    trustedCaPem: surroundings.trustedCaPem,
    frontDoor: name,
  });
  const service = new NativeKpService(config, await surroundings.contextOf(nkpName));
  running.push(service);
  return endpointNamed(await service.start(), 'https').url;
}

function notesOf({ certificates }: Surroundings, passwordPath: string | undefined): readonly string[] {
  return [
    ...(certificates ? [`CA certificate      ${certificates.caPath}`] : []),
    ...(passwordPath === undefined
      ? []
      : [`User                ${ADMINISTRATOR}`, `Password in         ${passwordPath}`]),
  ];
}
