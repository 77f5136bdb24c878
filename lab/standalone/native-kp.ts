import { NativeKpService, nativeKpConfigSchema } from '../../native-kp/index.js';
import { clientNotes } from './notes.js';
import { COMMON_SETTINGS, ownSettings } from './settings.js';
import type { StandaloneService } from './standalone.js';

const { shape } = nativeKpConfigSchema;

const schema = nativeKpConfigSchema.omit({ tls: true, trustedCaPem: true }).extend({
  name: shape.name.default('nkp-1').describe('Instance name.'),
  port: shape.port.describe('HTTPS port (mutual TLS); 0 for any.'),
  frontDoor: shape.frontDoor
    .default('vcenter')
    .describe('Common name of the one client let in: the vCenter before it.'),
  publicUrl: shape.publicUrl.describe('Address of that vCenter, for download locations.'),
  remediationIntervalSeconds: shape.remediationIntervalSeconds.describe(
    'Time between two rounds of bringing hosts up to date.',
  ),
  pushWaitMs: shape.pushWaitMs.describe('How long a change waits for hosts to take it.'),
  downloadTokenSeconds: shape.downloadTokenSeconds.describe('Life of a download token.'),
  ...COMMON_SETTINGS,
});

/** A native key provider service that runs alone. */
export const standaloneNativeKp: StandaloneService<typeof schema> = {
  schema,
  nameOf: ({ name }) => name,
  start: async (settings, surroundings, running) => {
    const { tls, trustedCaPem } = surroundings;
    const config = nativeKpConfigSchema.parse({ ...ownSettings(settings), tls, trustedCaPem });
    const service = new NativeKpService(config, await surroundings.contextOf(settings.name));
    running.push(service);
    return { endpoints: await service.start(), notes: await clientNotes(surroundings, settings.frontDoor) };
  },
};
