import { randomUUID } from 'node:crypto';

import type { KmipClient } from '../../../kms/client.js';
import { ownProvider } from '../own-provider.js';
import { passTime } from '../play.js';
import type { Play } from '../play.js';

/** Primary keys stay in a key provider service's memory for so long; a default of it. */
const PRIMARY_KEY_LIFE_MS = 30_000;
const SECOND_MS = 1000;

/** A host that had a key of a provider before something happened to the primary key asks for another. */
function afterHarm(name: string, harm: (keys: KmipClient, primaryKeyId: string) => Promise<unknown>): Play {
  return async (stage, mend) => {
    const { primaryKeyId } = await ownProvider(stage, name, mend);
    const host = await stage.honestHost();
    await host.mustUse(await host.newToken(), name);
    await harm(await stage.keyServer.client(), primaryKeyId);
    // What the key provider service has in memory, it has until then.
    passTime(stage, mend, PRIMARY_KEY_LIFE_MS + SECOND_MS);
    return { attempt: async () => host.useToken(await host.newToken(), name) };
  };
}

/** Scenarios of the key server and the primary key. */
export const KEY_SERVER_PLAYS = {
  'primary-key-missing': async (stage, mend) => {
    const name = 'tkp-missing';
    await ownProvider(stage, name, mend);
    const { providers } = await stage.keyProviderService.keyProviderService();
    await providers.update(name, { master_key_id: randomUUID() });
    const host = await stage.honestHost();
    return { attempt: async () => host.useToken(await host.newToken(), name) };
  },
  'primary-key-destroyed': afterHarm('tkp-destroyed', async (keys, id) => {
    await keys.revoke(id, 'KeyCompromise');
    await keys.destroy(id);
  }),
  'primary-key-deactivated': afterHarm('tkp-deactivated', (keys, id) =>
    keys.revoke(id, 'CessationOfOperation'),
  ),
  'key-server-down': async (stage, mend) => {
    const name = 'tkp-unreachable';
    await ownProvider(stage, name, mend);
    const { keyServer } = stage;
    let isDown = true;
    const comeBack = async (): Promise<void> => {
      if (isDown) await stage.restart(keyServer.name);
      isDown = false;
    };
    mend(comeBack);
    await stage.takeDown(keyServer.name);
    const host = await stage.honestHost();
    return { attempt: async () => host.useToken(await host.newToken(), name), meanwhile: comeBack };
  },
} as const satisfies Record<string, Play>;
