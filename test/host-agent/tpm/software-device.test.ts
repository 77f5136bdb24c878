import { describe, expect, it } from 'vitest';

import { SwtpmTransport, TpmClient } from '../../../host-agent/tpm/index.js';
import { deviceSuite } from './device-suite.js';
import { newDevice } from './devices.js';

const ANY_PORT = { host: '127.0.0.1', port: 0 };

describe('the software TPM as a device', () => {
  deviceSuite('software');

  it('listens nowhere unless told', async () => {
    expect((await newDevice('software')).address).toBeUndefined();
  });

  it("tells the host when a program cuts its power, and goes on listening after a program's SHUTDOWN", async () => {
    const device = await newDevice('software', { listen: ANY_PORT });
    const client = new TpmClient(device.transport());
    await client.startup();
    let restarts = 0;
    let heard: (() => void) | undefined;
    device.onRestart(() => {
      restarts += 1;
      heard?.();
    });
    const outside = new SwtpmTransport(device.address!);
    await outside.control.init();
    expect(restarts).toBe(1);
    await expect(client.getRandom(4)).rejects.toMatchObject({ code: 'tpm_initialize' });
    const back = new Promise<void>((resolve) => {
      heard = resolve;
    });
    await outside.control.shutdown();
    await back;
    const second = new TpmClient(new SwtpmTransport(device.address!));
    await second.startup();
    expect(await client.getRandom(4)).toHaveLength(4);
    await second.close();
  });
});
