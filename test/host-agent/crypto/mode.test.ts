import { beforeAll, describe, expect, it } from 'vitest';

import type { HostAgentClient, HostCryptoState } from '../../../host-agent/index.js';
import type { CRYPTO_MODE_TRANSITIONS } from '../../../host-agent/crypto/mode.js';
import type { Site } from '../hosts.js';
import { bare, faultOf, makeSafe, makeSite, newKey, startHost } from '../hosts.js';

let site: Site;
beforeAll(async () => {
  site = await makeSite();
});

const HOST_KEY = newKey();

/** How a host comes into each state. */
const WAYS: Readonly<Record<HostCryptoState, (client: HostAgentClient) => Promise<void>>> = {
  incapable: () => Promise.resolve(),
  prepared: (client) => client.prepareCrypto(),
  safe: async (client) => {
    await client.prepareCrypto();
    await client.enableCrypto(HOST_KEY);
  },
  pendingIncapable: async (client) => {
    await WAYS.safe(client);
    await client.disableCrypto();
  },
};

const EVENTS: Readonly<
  Record<keyof typeof CRYPTO_MODE_TRANSITIONS, (client: HostAgentClient) => Promise<void>>
> = {
  prepare: (client) => client.prepareCrypto(),
  enable: (client) => client.enableCrypto(HOST_KEY),
  changeKey: (client) => client.changeKey(newKey()),
  disable: (client) => client.disableCrypto(),
  reboot: (client) => client.reboot(),
};

/** The state that an event leads to as vSphere has it; undefined for InvalidState. */
const EXPECTED: Readonly<Record<HostCryptoState, Readonly<Record<string, HostCryptoState | undefined>>>> = {
  incapable: {
    prepare: 'prepared',
    enable: undefined,
    changeKey: undefined,
    disable: undefined,
    reboot: 'incapable',
  },
  prepared: {
    prepare: undefined,
    enable: 'safe',
    changeKey: undefined,
    disable: undefined,
    reboot: 'prepared',
  },
  safe: {
    prepare: undefined,
    enable: 'safe',
    changeKey: 'safe',
    disable: 'pendingIncapable',
    reboot: 'safe',
  },
  pendingIncapable: {
    prepare: undefined,
    enable: 'safe',
    changeKey: undefined,
    disable: undefined,
    reboot: 'incapable',
  },
};

const ROWS = Object.entries(EXPECTED).flatMap(([state, row]) =>
  Object.entries(row).map(([event, next]) => [state, event, next] as const),
);

describe('crypto mode', () => {
  it.each(ROWS)('%s, on %s: %s', async (state, event, next) => {
    const { client } = await startHost(site);
    await WAYS[state as HostCryptoState](client);
    const run = EVENTS[event as keyof typeof EVENTS](client);
    if (next === undefined) expect((await faultOf(run)).fault).toBe('InvalidState');
    else await run;
    expect((await client.cryptoState()).state).toBe(next ?? state);
    expect((await client.about()).cryptoState).toBe(next ?? state);
  });

  it('does not take another host key in safe mode, except by ChangeKey', async () => {
    const { client } = await startHost(site);
    await makeSafe(client);
    const other = newKey();
    expect((await faultOf(client.enableCrypto(other))).fault).toBe('AlreadyExists');
    await client.changeKey(other);
    expect((await client.cryptoState()).hostKey).toEqual(other.keyId);
  });

  it('needs its host key again after a reboot', async () => {
    const { client } = await startHost(site);
    await WAYS.safe(client);
    await client.reboot();
    const without = await client.cryptoState();
    await client.enableCrypto(HOST_KEY);
    expect(without).toEqual({ state: 'safe', hostKey: HOST_KEY.keyId, hostKeyPresent: false });
    expect(await client.cryptoState()).toEqual({ ...without, hostKeyPresent: true });
  });

  it('is the same after a restart of the agent', async () => {
    const host = await startHost(site);
    await WAYS.pendingIncapable(host.client);
    const { client } = await host.restart();
    expect(await client.cryptoState()).toEqual({
      state: 'pendingIncapable',
      hostKey: HOST_KEY.keyId,
      hostKeyPresent: false,
    });
  });

  it('keeps the host key in the cache unless its removal is forced', async () => {
    const { client } = await startHost(site);
    await WAYS.safe(client);
    const [kept] = await client.removeKeys([HOST_KEY.keyId], false);
    const [removed] = await client.removeKeys([HOST_KEY.keyId], true);
    expect([kept!.success, removed!.success]).toEqual([false, true]);
  });
});

describe('the key cache', () => {
  it('takes no keys on a host that is incapable of encryption', async () => {
    const { client } = await startHost(site);
    expect((await faultOf(client.addKeys([newKey()]))).fault).toBe('InvalidState');
  });

  it('tells for each key whether it was taken', async () => {
    const { client } = await startHost(site);
    await client.prepareCrypto();
    const key = newKey();
    const results = await client.addKeys([
      key,
      key,
      { ...newKey(), keyId: key.keyId },
      { ...newKey(), keyData: Buffer.alloc(16).toString('base64') },
      { ...newKey(), algorithm: 'AES-128' },
      { ...newKey(), keyId: { keyId: '' } },
    ]);
    expect(results.map(({ success }) => success)).toEqual([true, true, false, false, false, false]);
    expect(results[2]!.reason).toContain('AlreadyExists');
    expect((await client.listKeys()).map(bare)).toEqual([key.keyId]);
  });

  it('tells keys of equal ids and different providers apart', async () => {
    const { client } = await startHost(site);
    await client.prepareCrypto();
    const east = newKey('skp-east');
    const west = { ...newKey('skp-west'), keyId: { ...east.keyId, providerId: { id: 'skp-west' } } };
    const results = await client.addKeys([east, west]);
    expect(results.every(({ success }) => success)).toBe(true);
    await client.removeKeys([east.keyId], false);
    expect((await client.listKeys()).map(bare)).toEqual([west.keyId]);
  });

  it('says which keys are there and why others are not', async () => {
    const { client } = await startHost(site);
    await client.prepareCrypto();
    const [here, missing] = [newKey(), newKey()];
    await client.addKeys([here]);
    expect(await client.getCryptoKeyStatus([here.keyId, missing.keyId])).toEqual([
      { keyId: here.keyId, present: true, managementType: 'internal', accessGranted: true },
      {
        keyId: missing.keyId,
        present: false,
        managementType: 'internal',
        accessGranted: false,
        reason: 'KeyStateMissingInCache',
      },
    ]);
  });

  it('is empty after a reboot', async () => {
    const { client } = await startHost(site);
    await client.prepareCrypto();
    await client.addKeys([newKey(), newKey()]);
    await client.reboot();
    expect(await client.listKeys()).toEqual([]);
  });
});
