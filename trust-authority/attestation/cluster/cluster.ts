import type { ServiceContext } from '../../../core/context.js';
import { errorText } from '../../../core/errors.js';
import { VapiError } from '../../../core/http/index.js';
import { certificateX5tS256 } from '../../../core/pki/index.js';
import { DocumentTable } from '../../documents.js';
import type { TrustAuthorityStore } from '../../store.js';
import type { ClusterInfo, ClusterMember, ClusterSpec } from '../client.js';
import type { AttestationConfiguration } from '../configuration.js';
import type { HostEntry, HostRecord, KnownHosts } from '../known-hosts.js';
import {
  configurationDifferences,
  configurationFingerprint,
  readRawConfiguration,
} from '../raw-configuration.js';
import { HostExchange } from './host-exchange.js';
import { MAX_ANCESTORS } from './messages.js';
import type { ClusterState, ReplicatedConfiguration } from './messages.js';
import { Peer } from './peer.js';

/** What the cluster stands on. */
export interface ClusterOptions {
  readonly context: ServiceContext;
  readonly store: TrustAuthorityStore;
  readonly configuration: AttestationConfiguration;
  readonly knownHosts: KnownHosts;
  /** The service's own certificate: the other members name it. */
  readonly tls: { readonly certificatePem: string; readonly privateKeyPem: string };
}

/** Where the configuration comes from. */
interface Lineage {
  /** Of the configuration: another one with every change, wherever it is made. */
  readonly revision: string;
  /** Revisions that it came from or was found to be equal to, newest first. */
  readonly ancestors: readonly string[];
}

/** What is kept: the members, and where the configuration comes from. */
interface ClusterDocument extends Lineage {
  readonly members: readonly ClusterMember[];
  readonly replicate: boolean;
  /** Of the configuration that has the revision; missing in documents of older versions. */
  readonly fingerprint?: string;
}

const DOCUMENT = 'cluster';
const ALONE: ClusterDocument = { members: [], replicate: true, revision: '', ancestors: [] };
/** Members are looked at that often, besides whenever something changes. Own choice. */
const CHECK_EVERY_MS = 10_000;

/**
 * The other attestation services of this one's cluster. They are configured alike, and know the same hosts, so that
 * asking the next service of a group evades nothing.
 *
 * A change of the configuration goes to every member whose own is one that the change came from; where both have
 * changed since they were alike, they have diverged, and an administrator must say which is right. A member that is
 * down is passed over, and catches up when it is back. Own choice throughout: vSphere leaves all of it to vCenter.
 */
export class AttestationCluster {
  readonly #options: ClusterOptions;
  /** What the members know of hosts. */
  readonly hosts: HostExchange;
  readonly #documents: DocumentTable<ClusterDocument>;
  #peers: readonly Peer[] = [];
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;
  #first: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.hosts = new HostExchange(options.context.clock, options.knownHosts);
    this.#documents = new DocumentTable(options.store, 'cluster', 'cluster', 1);
    this.#peers = this.#connect(this.#document.members);
    options.configuration.observe({ changed: () => this.#changed(), settled: () => this.check() });
    options.knownHosts.observe((hostId, entry) => this.#tell(hostId, entry));
  }

  /**
   * Gives a configuration a revision whose change was cut off before it had one. Without, it would be taken for the
   * one of before that nobody changed, and for diverged from what the members have.
   */
  async takeUp(): Promise<void> {
    const { configuration } = this.#options;
    const known = this.#documents.find(DOCUMENT);
    const hasRevision = known
      ? known.fingerprint === undefined || known.fingerprint === configuration.applied().fingerprint
      : configuration.isPristine;
    if (!hasRevision) await this.#changed();
  }

  /** Begins to look after the members. */
  start(): void {
    this.#first = this.check();
    this.#timer = setInterval(() => void this.check(), CHECK_EVERY_MS);
    this.#timer.unref();
  }

  /** Resolves once what the members that can be reached know is known here too; no host is judged before. */
  ready(): Promise<void> {
    return this.#first;
  }

  /** The other members, as they were last seen. */
  get peers(): readonly Peer[] {
    return this.#peers;
  }

  /** Whether a certificate, told by its `x5t#S256`, is one of a member. */
  isMember(certificateSha256: string): boolean {
    return this.#peers.some((peer) => peer.certificateSha256 === certificateSha256);
  }

  /** How this member stands, for the others. */
  state(): ClusterState {
    const { configuration } = this.#options;
    const { fingerprint, last_update_time } = configuration.applied();
    const { revision, ancestors } = this.#document;
    return {
      fingerprint,
      last_update_time,
      pristine: configuration.isPristine,
      revision,
      ancestors: [...ancestors],
    };
  }

  /** The members as they are now. */
  async info(): Promise<ClusterInfo> {
    await this.check();
    return {
      members: this.#peers.map((peer) => ({
        ...peer.member,
        reachable: peer.state !== undefined,
        ...(peer.state && { fingerprint: peer.state.fingerprint }),
        health: peer.differences.length + peer.conflicts.size > 0 ? 'ERROR' : 'OK',
        differences: [
          ...peer.differences,
          ...[...peer.conflicts].map((host) => `known hosts: another TPM of ${host}`),
        ],
      })),
      replicate: this.#document.replicate,
      fingerprint: this.#options.configuration.applied().fingerprint,
    };
  }

  /** @throws KpsimError `certificate_invalid`, VapiError `INVALID_ARGUMENT` if two are the same, or one is this service */
  async set({ members, replicate = true }: ClusterSpec): Promise<void> {
    const peers = this.#connect(members);
    this.#demandOthers(peers);
    await this.#update((document) => ({ ...document, members, replicate }));
    const before = this.#peers;
    this.#peers = peers;
    await Promise.all(before.map((peer) => peer.close()));
    await this.check();
  }

  /** Looks at every member, and brings it and this one together. Who asks meanwhile gets the next look. */
  check(): Promise<void> {
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      this.#running = this.#checkAll();
      return this.#running;
    });
    return this.#next;
  }

  /** A member has called: if it was thought to be down, it is looked at anew. */
  heardOf(certificateSha256: string): void {
    const peer = this.#peers.find((one) => one.certificateSha256 === certificateSha256);
    if (peer && !peer.isHearing) void this.check();
  }

  /**
   * Takes over the configuration of a member.
   *
   * @throws AttestationError `configuration_diverged` if this one's own is not the one that it follows
   */
  async receive({ configuration, base, revision, ancestors }: ReplicatedConfiguration): Promise<void> {
    const fingerprint = configurationFingerprint(configuration);
    await this.#options.configuration.follow(configuration, base, (replace) =>
      this.#documents.alone(async () => {
        const own = this.#document;
        const lineage = lineageOf(revision, [...ancestors, own.revision, ...own.ancestors]);
        const rows = new Map([[DOCUMENT, { ...own, ...lineage, fingerprint }]]);
        await replace(new Map([['cluster', rows]]));
        this.#documents.replaced(rows);
      }),
    );
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    const peers = this.#peers;
    this.#peers = [];
    await Promise.all(peers.map((peer) => peer.close()));
    await this.#running;
  }

  /** @throws VapiError `INVALID_ARGUMENT` if two are the same, or one is this service itself */
  #demandOthers(peers: readonly Peer[]): void {
    if (new Set(peers.map(({ url }) => url)).size !== peers.length) {
      throw new VapiError('INVALID_ARGUMENT', 'members: two of them have the same address.');
    }
    const own = certificateX5tS256(this.#options.tls.certificatePem);
    if (peers.some(({ certificateSha256 }) => certificateSha256 === own)) {
      throw new VapiError(
        'INVALID_ARGUMENT',
        'members: one of them has the certificate of this service itself. Name only the other services, each with a certificate of its own.',
      );
    }
  }

  get #document(): ClusterDocument {
    return this.#documents.find(DOCUMENT) ?? ALONE;
  }

  #connect(members: readonly ClusterMember[]): readonly Peer[] {
    return members.map((member) => new Peer(member, this.#options.tls, this.#options.context.log));
  }

  async #checkAll(): Promise<void> {
    await Promise.all(this.#peers.map((peer) => this.#checkPeer(peer)));
  }

  async #checkPeer(peer: Peer): Promise<void> {
    try {
      const state = await peer.ask();
      if (!peer.isHearing) await this.hosts.catchUp(peer);
      await this.#align(peer, state);
    } catch (error) {
      this.#options.context.log.debug({ member: peer.url, reason: errorText(error) }, 'member not checked');
      if (peer.state)
        peer.differences = [`configuration: not comparable (${errorText(error).slice(0, 200)})`];
    }
  }

  /** Makes the configurations alike if one has come from the other; says what differs otherwise. */
  async #align(peer: Peer, theirs: ClusterState): Promise<void> {
    const { configuration } = this.#options;
    const own = this.state();
    const { replicate } = this.#document;
    peer.differences = [];
    if (own.fingerprint === theirs.fingerprint) {
      if (own.revision !== theirs.revision)
        await this.#update((document) => ({
          ...document,
          ...lineageOf(document.revision, [theirs.revision, ...document.ancestors]),
        }));
      return;
    }
    if (replicate && (theirs.pristine || own.ancestors.includes(theirs.revision))) {
      const { revision, ancestors } = own;
      const base = theirs.fingerprint;
      const text = configuration.applied().configuration;
      await peer.putConfiguration({ configuration: text, base, revision, ancestors });
      return;
    }
    const applied = await peer.configuration();
    if (replicate && (own.pristine || theirs.ancestors.includes(own.revision))) {
      const { revision, ancestors, fingerprint } = theirs;
      // It has changed once more since it was asked; the next look will find that.
      if (applied.fingerprint !== fingerprint) return;
      await this.receive({ ...applied, base: own.fingerprint, revision, ancestors });
      return;
    }
    peer.differences = configurationDifferences(
      configuration.raw(),
      readRawConfiguration(applied.configuration),
    );
  }

  /** An administrator has changed the configuration here. */
  async #changed(): Promise<void> {
    const { fingerprint } = this.#options.configuration.applied();
    const next = this.#options.context.rng.uuid();
    await this.#update((document) => ({
      ...document,
      ...lineageOf(next, [document.revision, ...document.ancestors]),
      fingerprint,
    }));
  }

  /** Changes what is kept, one change after the other: each is durable before the next one reads. */
  #update(change: (document: ClusterDocument) => ClusterDocument): Promise<void> {
    return this.#documents.renew(DOCUMENT, (document) => change(document ?? ALONE));
  }

  async #tell(hostId: string, entry: HostEntry): Promise<readonly HostRecord[]> {
    const hearing = this.#peers.filter((peer) => peer.isHearing);
    const known = await Promise.all(hearing.map((peer) => peer.tell(hostId, entry)));
    return known.filter((record) => record !== undefined);
  }
}

/** A revision and what it came from: each once, and no more than are remembered. */
function lineageOf(revision: string, ancestors: readonly string[]): Lineage {
  const known = new Set(ancestors.filter((one) => one !== '' && one !== revision));
  return { revision, ancestors: [...known].slice(0, MAX_ANCESTORS) };
}
