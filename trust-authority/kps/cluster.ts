import type { ServiceContext } from '../../core/context.js';
import { VapiError } from '../../core/http/index.js';
import { certificateThumbprintSha256 } from '../../core/pki/index.js';
import { httpsUrlOf } from '../../wire/attestation/index.js';
import { DocumentTable } from '../documents.js';
import type { TrustAuthorityStore } from '../store.js';
import { replaceTables, tableReplacement } from '../table-replacement.js';
import { KeyProviderServiceClient } from './client.js';
import type { KmsClusterInfo, KmsClusterMember, KmsMemberState } from './client.js';

const KIND = 'kms-cluster-member';
/** Most other services of a cluster. */
const MEMBER_LIMIT = 15;
/** Longest wait for a member, in milliseconds. */
const PATIENCE_MS = 5_000;

/** What a {@link KmsCluster} stands on. */
export interface KmsClusterOptions {
  readonly context: ServiceContext;
  readonly store: TrustAuthorityStore;
  /** What this service shows to the others. */
  readonly tls: { readonly certificatePem: string; readonly privateKeyPem: string };
  /** Fingerprint of this service's raw-config. */
  readonly ownFingerprint: () => string;
}

/** The other key provider services of a cluster, and whether they are configured as this one is. */
export class KmsCluster {
  readonly #options: KmsClusterOptions;
  readonly #table: DocumentTable<KmsClusterMember>;

  constructor(options: KmsClusterOptions) {
    this.#options = options;
    this.#table = new DocumentTable(options.store, KIND, 'cluster member', MEMBER_LIMIT);
  }

  list(): KmsClusterMember[] {
    return this.#table.entries().map(([, member]) => member);
  }

  /** Replaces the list. @throws VapiError `INVALID_ARGUMENT`, KpsimError `certificate_invalid` */
  async set(members: readonly KmsClusterMember[]): Promise<void> {
    for (const { certificate } of members) certificateThumbprintSha256(certificate);
    const rows = new Map(members.map((member) => [httpsUrlOf(member.address), member]));
    if (rows.size < members.length) {
      throw new VapiError(
        'INVALID_ARGUMENT',
        'members: an address is there twice. Name every other service once.',
      );
    }
    await replaceTables(this.#options.store, [tableReplacement(KIND, this.#table, [...rows])]);
  }

  /** Asks all members at once. */
  async info(): Promise<KmsClusterInfo> {
    const fingerprint = this.#options.ownFingerprint();
    const members = await Promise.all(this.list().map((member) => this.#stateOf(member, fingerprint)));
    const isHealthy = members.every(({ health }) => health === 'OK');
    return { fingerprint, health: isHealthy ? 'OK' : 'ERROR', members };
  }

  async #stateOf(member: KmsClusterMember, own: string): Promise<KmsMemberState> {
    const client = new KeyProviderServiceClient({
      baseUrl: httpsUrlOf(member.address),
      pinnedThumbprintSha256: certificateThumbprintSha256(member.certificate),
      clientCertificate: this.#options.tls,
      timeoutMs: PATIENCE_MS,
    });
    try {
      const fingerprint = await client.cluster.fingerprint();
      return { ...member, reachable: true, fingerprint, health: fingerprint === own ? 'OK' : 'ERROR' };
    } catch (error) {
      this.#options.context.log.warn({ err: error }, 'cannot ask another service of the cluster');
      return { ...member, reachable: false, health: 'ERROR' };
    } finally {
      await client.close();
    }
  }
}
