import { VapiError } from '../../core/http/index.js';
import { parsePemChain } from '../../core/pki/index.js';
import { httpsUrlOf } from '../../wire/attestation/index.js';
import type { NetworkAddress, X509CertChain } from '../../wire/attestation/index.js';
import { DocumentTable } from '../documents.js';
import type { DocumentKind, TrustAuthorityStore } from '../store.js';

/** Most other services of a cluster. */
const MEMBER_LIMIT = 64;

/** Another service of the same kind in the cluster, and by which authorities it is recognized. */
export interface ClusterMember {
  readonly address: NetworkAddress;
  readonly trusted_CA: X509CertChain;
}

/** How another service of the cluster stands, as this one sees it. */
export interface MemberState {
  readonly address: NetworkAddress;
  readonly reachable: boolean;
  /** Of its raw-config, if it was reached. */
  readonly fingerprint?: string;
  /** OK if it is configured as this service is. */
  readonly health: 'OK' | 'ERROR';
}

/** A cluster of services that are to be configured alike, as one of them sees it. */
export interface ClusterState {
  /** Of this service's own raw-config. */
  readonly fingerprint: string;
  /** OK if every member is. */
  readonly health: 'OK' | 'ERROR';
  readonly members: readonly MemberState[];
}

/** What the members of a cluster are compared with. */
export interface ClusterMembersOptions {
  readonly store: TrustAuthorityStore;
  /** Where the list is kept. */
  readonly kind: DocumentKind;
  /** Fingerprint of this service's raw-config. */
  readonly ownFingerprint: () => string;
  /** Asks a member for the fingerprint of its raw-config, and closes what it opened. */
  readonly fingerprintOf: (member: ClusterMember) => Promise<string>;
}

/** The other services of a cluster, and whether they are configured as this one is. */
export class ClusterMembers {
  readonly #options: ClusterMembersOptions;
  readonly #table: DocumentTable<ClusterMember>;

  constructor(options: ClusterMembersOptions) {
    this.#options = options;
    this.#table = new DocumentTable(options.store, options.kind, 'cluster member', MEMBER_LIMIT);
  }

  list(): ClusterMember[] {
    return this.#table.entries().map(([, member]) => member);
  }

  /** Replaces the list. @throws VapiError `INVALID_ARGUMENT`, KpsimError `certificate_invalid` */
  async set(members: readonly ClusterMember[]): Promise<void> {
    for (const { trusted_CA } of members) trusted_CA.cert_chain.forEach((pem) => parsePemChain(pem));
    const rows = new Map(members.map((member) => [httpsUrlOf(member.address), member]));
    if (rows.size < members.length) {
      throw new VapiError(
        'INVALID_ARGUMENT',
        'members: an address is there twice. Name every other service once.',
      );
    }
    await DocumentTable.replaceAll(this.#options.store, [this.#table.replacement(rows)]);
  }

  /** Asks all members at once. */
  async state(): Promise<ClusterState> {
    const fingerprint = this.#options.ownFingerprint();
    const members = await Promise.all(this.list().map((member) => this.#stateOf(member, fingerprint)));
    const isHealthy = members.every(({ health }) => health === 'OK');
    return { fingerprint, health: isHealthy ? 'OK' : 'ERROR', members };
  }

  async #stateOf(member: ClusterMember, own: string): Promise<MemberState> {
    const { address } = member;
    try {
      const fingerprint = await this.#options.fingerprintOf(member);
      return { address, reachable: true, fingerprint, health: fingerprint === own ? 'OK' : 'ERROR' };
    } catch {
      return { address, reachable: false, health: 'ERROR' };
    }
  }
}
