import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import type { KmipClient } from '../../kms/client.js';
import { PrimaryKeys } from '../../trust-authority/kps/primary-keys.js';
import type { TestKms } from '../kms/harness.js';
import type { TestTrustAuthority, TrustPki } from './harness.js';
import { makeTrustPki, startTrustAuthority } from './harness.js';
import { makeProvider, newPrimaryKey, refusedPort, startKeyServer, startRelay } from './key-provider.js';
import type { TestHost } from './test-host.js';

let pki: TrustPki;
let keyServer: TestKms;
let administrator: KmipClient;
let ta: TestTrustAuthority;
let host: TestHost;
let token: string;
let count = 0;

beforeAll(async () => {
  pki = await makeTrustPki();
  keyServer = await startKeyServer(pki);
  administrator = keyServer.client();
  ta = await startTrustAuthority(pki, {
    attestation: { tokenLifetimeSeconds: 31 * 86_400 },
  });
  host = await ta.bootHost();
  token = await host.token();
});

afterEach(() => keyServer.context.faults.clear());

afterAll(async () => {
  await ta[Symbol.asyncDispose]();
  await keyServer[Symbol.asyncDispose]();
});

/** A provider with a key of its own at servers that listen on these ports. */
async function provider(
  ports: readonly number[] = [keyServer.port],
  connectionTimeout = 1,
): Promise<{ name: string; masterKeyId: string }> {
  count += 1;
  const name = `tkp-${count}`;
  const masterKeyId = await newPrimaryKey(administrator);
  await makeProvider(ta, { provider: name, masterKeyId, ports, connectionTimeout });
  return { name, masterKeyId };
}

function generate(name: string): Promise<{ ciphertext: string }> {
  return ta.kmsAs(pki.host).generateKey({ provider: name, numOfBytes: 32 }, token);
}

function decrypt(name: string, ciphertext: string): Promise<unknown> {
  return ta.kmsAs(pki.host).decrypt({ provider: name, ciphertext }, token);
}

/** What the key server answered to the clients of a provider, in order; what a reset cut off is not among it. */
function asked(name: string): string[] {
  return keyServer.context.journal
    .entries()
    .filter(({ client, outcome }) => client === name && !outcome.startsWith('injected fault'))
    .map(({ operation }) => operation);
}

/** Longer than a primary key stays in memory. */
function forgetPrimaryKeys(): void {
  ta.clock.advance(30_001);
}

const UNAVAILABLE = { reason: 'key_server_unavailable' };

describe('a key server in trouble', () => {
  it('that refuses connections makes keys unavailable, and they can be had once it is back', async () => {
    const { name } = await provider();
    keyServer.context.faults.add({ action: { kind: 'down', how: 'refuse' } });
    await expect(generate(name)).rejects.toMatchObject(UNAVAILABLE);
    keyServer.context.faults.clear();
    await expect.poll(() => generate(name).catch(() => undefined)).toBeDefined();
  });

  it('does not stop keys whose primary key is in memory, for 30 s', async () => {
    const { name } = await provider();
    const { ciphertext } = await generate(name);
    keyServer.context.faults.add({ action: { kind: 'down', how: 'reset' } });
    ta.clock.advance(29_000);
    await expect(decrypt(name, ciphertext)).resolves.toBeDefined();
    ta.clock.advance(1_001);
    await expect(decrypt(name, ciphertext)).rejects.toMatchObject(UNAVAILABLE);
  });

  it('that is silent is given up after connection_timeout', async () => {
    const { name } = await provider();
    keyServer.context.faults.add({ action: { kind: 'down', how: 'silent' } });
    await expect(generate(name)).rejects.toMatchObject(UNAVAILABLE);
  });

  it('that takes the question and does not answer is given up after connection_timeout', async () => {
    const { name } = await provider();
    keyServer.context.faults.add({ operation: 'GetAttributes', action: { kind: 'drop', when: 'before' } });
    await expect(generate(name)).rejects.toMatchObject(UNAVAILABLE);
  });

  it('that is slow at every step is given up when all of them together exceed connection_timeout', async () => {
    const { name } = await provider();
    keyServer.context.faults.add({ client: name, action: { kind: 'delay', delayMs: 700 } });
    await expect(generate(name)).rejects.toMatchObject(UNAVAILABLE);
    const [status] = (await ta.kms.providers.status(name)).servers;
    expect(status).toMatchObject({ health: 'OK' });
  });

  it('that hangs up between state and key is asked again once, as the question changes nothing', async () => {
    const { name } = await provider();
    keyServer.context.faults.add({ client: name, operation: 'Get', action: { kind: 'reset' }, count: 1 });
    await expect(generate(name)).resolves.toBeDefined();
    expect(asked(name)).toEqual(['GetAttributes', 'Get']);
  });

  it('that hangs up in mid-operation hands over to the second server of the provider', async () => {
    const { name } = await provider([keyServer.port, keyServer.port]);
    keyServer.context.faults.add({ client: name, operation: 'Get', action: { kind: 'reset' }, count: 2 });
    await expect(generate(name)).resolves.toBeDefined();
    expect(asked(name)).toEqual(['GetAttributes', 'GetAttributes', 'Get']);
  });

  it('that sends half an answer hands over to the second server of the provider', async () => {
    const { name } = await provider([keyServer.port, keyServer.port]);
    keyServer.context.faults.add({ client: name, operation: 'Get', action: { kind: 'truncate' }, count: 2 });
    await expect(generate(name)).resolves.toBeDefined();
  });

  it('that fails for a reason of its own hands over, too', async () => {
    const { name } = await provider([keyServer.port, keyServer.port]);
    keyServer.context.faults.add({
      client: name,
      operation: 'GetAttributes',
      action: { kind: 'error', reason: 'General Failure' },
      count: 1,
    });
    await expect(generate(name)).resolves.toBeDefined();
  });

  it('is passed over for the second server, and asked last for a while', async () => {
    await using first = await startRelay(keyServer.port);
    const { name } = await provider([first.port, keyServer.port]);
    const { ciphertext } = await generate(name);
    first.cut();
    forgetPrimaryKeys();
    await expect(decrypt(name, ciphertext)).resolves.toBeDefined();
    const { health, servers } = await ta.kms.providers.status(name);
    expect(health).toBe('WARNING');
    expect(servers).toMatchObject([
      { name: 'server-1', health: 'ERROR', client_trust_server: false, server_trust_client: false },
      { name: 'server-2', health: 'OK', client_trust_server: true, server_trust_client: true },
    ]);
  });

  it('tells what each server said if none helps', async () => {
    const ports = [await refusedPort(), await refusedPort()];
    const { name } = await provider(ports);
    await expect(generate(name)).rejects.toMatchObject(UNAVAILABLE);
    const { health, details, servers } = await ta.kms.providers.status(name);
    expect(health).toBe('ERROR');
    expect(servers.map((server) => server.health)).toEqual(['ERROR', 'ERROR']);
    expect(details.map(({ args }) => args)).toEqual([['server-1'], ['server-2']]);
    for (const [index, port] of ports.entries()) {
      expect(details[index]!.default_message).toContain(`127.0.0.1:${port}`);
    }
  });

  it('costs hosts that ask meanwhile one attempt, each of them gets its answer, and the next host a new one', async () => {
    const keys = new PrimaryKeys(ta.clock, 30);
    const attempts: ((error: Error) => void)[] = [];
    const fetch = () => new Promise<Buffer>((_resolve, reject) => attempts.push(reject));
    const lend = () => keys.lend('tkp-1', 'id', fetch, () => 'lent');
    const storm = Promise.allSettled(Array.from({ length: 30 }, lend));
    await expect.poll(() => attempts.length).toBe(1);
    attempts[0]!(new Error('away'));
    expect(new Set((await storm).map(({ status }) => status))).toEqual(new Set(['rejected']));
    const next = lend();
    expect(attempts).toHaveLength(2);
    attempts[1]!(new Error('away'));
    await expect(next).rejects.toThrow('away');
    keys.close();
  });
});

describe('a primary key', () => {
  it.each([
    ['deactivated', 'WrappingKeyNotActiveOrEnabled', (id: string) => administrator.revoke(id)],
    [
      'compromised',
      'WrappingKeyNotActiveOrEnabled',
      (id: string) => administrator.revoke(id, 'KeyCompromise'),
    ],
    [
      'destroyed',
      'WrappingKeyMissingInKMS',
      async (id: string) => {
        await administrator.revoke(id);
        await administrator.destroy(id);
      },
    ],
  ] as const)('that was %s stops keys within 30 s: %s', async (_what, reason, change) => {
    const { name, masterKeyId } = await provider();
    const { ciphertext } = await generate(name);
    await change(masterKeyId);
    await expect(decrypt(name, ciphertext)).resolves.toBeDefined();
    forgetPrimaryKeys();
    await expect(decrypt(name, ciphertext)).rejects.toMatchObject({ reason });
    await expect(generate(name)).rejects.toMatchObject({ reason });
  });

  it('that was destroyed stops keys at once when somebody looks at the status of the provider', async () => {
    const { name, masterKeyId } = await provider();
    const { ciphertext } = await generate(name);
    await administrator.revoke(masterKeyId);
    await administrator.destroy(masterKeyId);
    const { health, servers } = await ta.kms.providers.status(name);
    expect(health).toBe('ERROR');
    expect(servers).toMatchObject([{ client_trust_server: true, server_trust_client: true }]);
    await expect(decrypt(name, ciphertext)).rejects.toMatchObject({ reason: 'WrappingKeyMissingInKMS' });
  });

  it('that never was, or is no AES key of 256 bits, is told apart', async () => {
    const { name } = await provider();
    await ta.kms.providers.update(name, { master_key_id: 'no-such-key' });
    await expect(generate(name)).rejects.toMatchObject({ reason: 'WrappingKeyMissingInKMS' });
    const short = await administrator.create({ lengthBits: 128 });
    await administrator.activate(short);
    await ta.kms.providers.update(name, { master_key_id: short });
    await expect(generate(name)).rejects.toMatchObject({ reason: 'WrappingKeyNotActiveOrEnabled' });
  });

  it('of before still unwraps while it is active, and no longer once it is not', async () => {
    const { name, masterKeyId } = await provider();
    const { ciphertext } = await generate(name);
    await ta.kms.providers.update(name, { master_key_id: await newPrimaryKey(administrator) });
    await expect(decrypt(name, ciphertext)).resolves.toBeDefined();
    await administrator.revoke(masterKeyId);
    forgetPrimaryKeys();
    await expect(decrypt(name, ciphertext)).rejects.toMatchObject({
      reason: 'WrappingKeyNotActiveOrEnabled',
    });
    await expect(generate(name)).resolves.toBeDefined();
  });

  it('that is being fetched when it is changed at the provider is not used', async () => {
    const { name } = await provider();
    const next = await newPrimaryKey(administrator);
    keyServer.context.faults.add({ client: name, action: { kind: 'delay', delayMs: 200 } });
    const pending = generate(name);
    await ta.kms.providers.update(name, { master_key_id: next });
    const { ciphertext } = await pending.catch(() => generate(name));
    expect(Buffer.from(ciphertext, 'base64').toString('latin1')).toContain(next);
  });
});
