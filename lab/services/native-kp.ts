import type { Endpoint } from '../../core/lifecycle.js';
import { NativeKpService, nativeKpConfigSchema } from '../../native-kp/index.js';
import type { Ground } from '../ground.js';

/** Name of the native key provider service behind a vCenter; also the subject of its certificate. */
export function nativeKpNameOf(vcenter: string): string {
  return `${vcenter}-nkp`;
}

/** Starts the native key provider service of a vCenter, and returns where it listens. */
export async function startNativeKp(vcenter: string, ground: Ground): Promise<Endpoint> {
  const name = nativeKpNameOf(vcenter);
  const config = nativeKpConfigSchema.parse({
    ...(await ground.common(name)),
    port: ground.port(name, 'https', 0),
    frontDoor: vcenter,
  });
  const service = new NativeKpService(config, await ground.contextOf(name));
  return (await ground.start(service))('https');
}
