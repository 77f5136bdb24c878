import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { AdjustableClock } from '../../core/clock.js';
import { createContext } from '../../core/context.js';
import { makeDataDir } from '../../core/data-dir.js';
import { isPrivateKeyOf, parsePemChain } from '../../core/pki/index.js';
import { AttestationCluster } from '../../trust-authority/attestation/cluster/cluster.js';
import { AttestationConfiguration } from '../../trust-authority/attestation/configuration.js';
import { KnownHosts } from '../../trust-authority/attestation/known-hosts.js';
import { DocumentTable } from '../../trust-authority/documents.js';
import { Providers } from '../../trust-authority/kps/providers.js';
import { KeyPairs } from '../../trust-authority/pki/key-pairs.js';
import { TrustAuthorityStore } from '../../trust-authority/store.js';
import { replaceTables, tableReplacement } from '../../trust-authority/table-replacement.js';

const clock = new AdjustableClock();
let dir: Awaited<ReturnType<typeof makeDataDir>>;
let store: TrustAuthorityStore;
let providers: Providers;

const KEY_SERVER = {
  type: 'KMIP' as const,
  kmip_server: { servers: [{ name: 's', address: { hostname: '127.0.0.1', port: 9 } }] },
};

beforeEach(async () => {
  dir = await makeDataDir();
  store = await TrustAuthorityStore.open(dir.path, clock);
  const context = createContext({ dataDir: dir.path, clock });
  const keyPairs = new KeyPairs(store, clock);
  providers = new Providers({ context, store, keyPairs, primaryKeyCacheSeconds: 30 });
  await providers.create({ provider: 'p', master_key_id: 'first', key_server: KEY_SERVER });
});

afterEach(async () => {
  await providers.close();
  await store.close();
  await dir.remove();
});

const stored = () => store.documents<Record<string, unknown>>('provider').get('p');

describe('changes of a provider that are asked for at the same time', () => {
  it('are all there in the end, the limit to no principal with them', async () => {
    await Promise.all([
      providers.entitle('p', []),
      providers.update('p', { master_key_id: 'second' }),
      providers.setServerCertificates('p', []),
      providers.update('p', { key_server: { description: 'told' } }),
    ]);
    const expected = {
      entitledProfiles: [],
      master_key_id: 'second',
      formerMasterKeyIds: ['first'],
      key_server: { ...KEY_SERVER, description: 'told' },
    };
    expect(providers.get('p')).toMatchObject(expected);
    expect(stored()).toMatchObject(expected);
  });

  it('do not bring it back once it is deleted', async () => {
    const [removed, updated] = await Promise.allSettled([
      providers.remove('p'),
      providers.update('p', { master_key_id: 'second' }),
    ]);
    expect(removed.status).toBe('fulfilled');
    expect(updated).toMatchObject({ status: 'rejected', reason: { type: 'NOT_FOUND' } });
    expect([providers.has('p'), stored()]).toEqual([false, undefined]);
  });

  it('take a principal out of what it was entitled to meanwhile', async () => {
    await providers.entitle('p', ['one', 'two']);
    await Promise.all([providers.update('p', { master_key_id: 'second' }), providers.disentitle('one')]);
    expect(providers.get('p')).toMatchObject({ entitledProfiles: ['two'], master_key_id: 'second' });
    await Promise.all([providers.remove('p'), providers.disentitle('two')]);
    expect(providers.has('p')).toBe(false);
  });
});

describe('changes of settings that are asked for at the same time', () => {
  it('are all there in the end', async () => {
    const configuration = await AttestationConfiguration.load(store);
    await configuration.updateSettings({ require_certificate_validation: false });
    await Promise.all([
      configuration.updateSettings({ require_endorsement_keys: true }),
      configuration.updateSettings({ require_certificate_validation: true }),
    ]);
    const expected = { require_endorsement_keys: true, require_certificate_validation: true };
    expect(configuration.settings).toEqual(expected);
    expect(store.documents('setting').get('tpm2')).toEqual({ value: expected });
  });
});

describe('a configuration that another member of the cluster sends', () => {
  it.each(['before', 'after'])('gives way to a change that is asked for right %s it', async (when) => {
    const configuration = await AttestationConfiguration.load(store);
    await configuration.updateSettings({ require_certificate_validation: true });
    const { configuration: text, fingerprint: base } = configuration.applied();
    const cluster = new AttestationCluster({
      context: createContext({ dataDir: dir.path, clock }),
      store,
      configuration,
      knownHosts: new KnownHosts(store),
      tls: { certificatePem: '', privateKeyPem: '' },
    });
    const sent = {
      configuration: text.replace(
        '"require_certificate_validation":true',
        '"require_certificate_validation":false',
      ),
      base,
      revision: 'theirs',
      ancestors: [],
    };
    const change = () => configuration.updateSettings({ require_endorsement_keys: true });
    const first = when === 'before' ? change() : undefined;
    const [received] = await Promise.allSettled([cluster.receive(sent), first ?? change()]);
    // Whoever comes first: what the administrator was told to be changed is changed, on top of what came before.
    expect(received.status).toBe(when === 'before' ? 'rejected' : 'fulfilled');
    expect(configuration.settings).toEqual({
      require_endorsement_keys: true,
      require_certificate_validation: when === 'before',
    });
    const { revision, ancestors } = cluster.state();
    expect([revision === 'theirs', ancestors.includes('theirs')]).toEqual([false, when === 'after']);
    if (received.status === 'rejected') {
      expect(received.reason).toMatchObject({ reason: 'configuration_diverged' });
    }
    await cluster.close();
  });
});

/** A store that is killed: after so many writes none is made any more, and none of them is answered. */
function killedAfter(writes: number): {
  readonly store: TrustAuthorityStore;
  readonly killed: Promise<'killed'>;
} {
  let left = writes;
  let kill: (how: 'killed') => void = () => undefined;
  const killed = new Promise<'killed'>((resolve) => (kill = resolve));
  const proxy = new Proxy(store, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      return (...given: unknown[]): unknown => {
        if (!/^(put|remove|change(?!d)|replace)/.test(String(name)) || left-- > 0) {
          return Reflect.apply(member, target, given);
        }
        kill('killed');
        return new Promise(() => undefined);
      };
    },
  });
  return { store: proxy, killed };
}

describe('a key and its certificate', () => {
  it.each(['createSelfSigned', 'createCsr'] as const)(
    'belong together wherever %s is cut off',
    async (change) => {
      const before = await new KeyPairs(store, clock).createSelfSigned('k', 'k');
      for (let writes = 0; ; writes += 1) {
        const { store: shortLived, killed } = killedAfter(writes);
        const cut = await Promise.race([new KeyPairs(shortLived, clock)[change]('k', 'k'), killed]);
        const { privateKeyPem, certificateChainPem } = new KeyPairs(store, clock).find('k')!;
        const [certificate] = parsePemChain(certificateChainPem);
        expect(isPrivateKeyOf(privateKeyPem, certificate!)).toBe(true);
        const pending = store.secret('pending-private-key', 'k');
        const csr = store.documents<{ readonly pendingCsrPem?: string }>('key-pair').get('k')?.pendingCsrPem;
        expect(pending === undefined).toBe(csr === undefined);
        if (cut !== 'killed') break;
        expect(certificateChainPem).toBe(before.certificateChainPem);
      }
    },
  );
});

describe('a configuration and where it comes from', () => {
  const open = async (
    over: TrustAuthorityStore,
  ): Promise<{ readonly configuration: AttestationConfiguration; readonly cluster: AttestationCluster }> => {
    const configuration = await AttestationConfiguration.load(over);
    const cluster = new AttestationCluster({
      context: createContext({ dataDir: dir.path, clock }),
      store: over,
      configuration,
      knownHosts: new KnownHosts(over),
      tls: { certificatePem: '', privateKeyPem: '' },
    });
    await cluster.takeUp();
    return { configuration, cluster };
  };

  it.each(['here', 'by a member'])('belong together wherever a change made %s is cut off', async (where) => {
    const { configuration: first, cluster } = await open(store);
    await first.updateSettings({ require_certificate_validation: true });
    const { configuration: text, fingerprint: base } = first.applied();
    const { revision: before } = cluster.state();
    const sent = {
      configuration: text.replace('"require_endorsement_keys":false', '"require_endorsement_keys":true'),
      base,
      revision: 'theirs',
      ancestors: [before],
    };
    for (let writes = 0; ; writes += 1) {
      const { store: shortLived, killed } = killedAfter(writes);
      const { configuration, cluster: dying } = await open(shortLived);
      const changed =
        where === 'here'
          ? configuration.updateSettings({ require_endorsement_keys: true })
          : dying.receive(sent);
      const cut = await Promise.race([changed, killed]);
      const { configuration: found, cluster: back } = await open(store);
      const { revision, ancestors } = back.state();
      const isChanged = found.settings.require_endorsement_keys;
      expect(revision !== before).toBe(isChanged);
      if (isChanged) expect(ancestors).toContain(before);
      if (where === 'by a member') expect(revision === 'theirs').toBe(isChanged);
      if (cut !== 'killed') break;
      if (isChanged) return;
    }
  });

  it('is not taken for changed by a start after nothing was cut off', async () => {
    const { configuration, cluster } = await open(store);
    await configuration.updateSettings({ require_endorsement_keys: true });
    expect((await open(store)).cluster.state()).toEqual(cluster.state());
  });
});

describe('a table', () => {
  it('that is replaced is not changed by what was read before', async () => {
    const table = new DocumentTable<{ readonly a: number; readonly b: number }>(store, 'setting', 'row', 2);
    await table.create('x', { a: 0, b: 0 });
    const replacement = tableReplacement('setting', table, [['x', { a: 1, b: 1 }]]);
    await Promise.all([
      table.change('x', (row) => ({ ...row, a: 5 })),
      replaceTables(store, [replacement]),
      table.change('x', (row) => ({ ...row, a: 2 })),
    ]);
    expect([table.get('x'), store.documents('setting').get('x')]).toEqual([
      { a: 2, b: 1 },
      { a: 2, b: 1 },
    ]);
  });

  it('takes no more than its limit, however many come at the same time', async () => {
    const table = new DocumentTable<number>(store, 'setting', 'row', 2);
    const made = await Promise.allSettled(['x', 'y', 'z', 'x'].map((id) => table.create(id, 1)));
    expect(
      made.map((one) => (one.status === 'fulfilled' ? 'made' : (one.reason as { type: string }).type)),
    ).toEqual(['made', 'made', 'NOT_ALLOWED_IN_CURRENT_STATE', 'ALREADY_EXISTS']);
  });
});
