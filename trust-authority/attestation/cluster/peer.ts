import { errorText } from '../../../core/errors.js';
import type { Logger } from '../../../core/logging.js';
import { certificateThumbprintSha256, certificateX5tS256 } from '../../../core/pki/index.js';
import { httpsUrlOf } from '../../../wire/attestation/index.js';
import { TrustAuthorityRestClient } from '../../rest-client.js';
import type { AppliedConfiguration } from '../../rest-client.js';
import type { ClusterMember } from '../client.js';
import type { HostEntry, HostRecord } from '../known-hosts.js';
import { HOSTS_A_MESSAGE, clusterState, toldHosts, toldRecords } from './messages.js';
import type { ClusterState, ReplicatedConfiguration, ToldHost } from './messages.js';

/** How long a member may take before it counts as down: a host is waiting meanwhile. Own choice. */
const PATIENCE_MS = 2_000;

interface Telling {
  readonly told: ToldHost;
  readonly resolve: (known: HostRecord | undefined) => void;
}

/** Another member of the cluster, as this one talks to it: over mutual TLS, each with the certificate the other names. */
export class Peer {
  readonly member: ClusterMember;
  readonly url: string;
  /** `x5t#S256` of its certificate. */
  readonly certificateSha256: string;
  /** What it last said of itself; undefined as long as it cannot be reached. */
  state: ClusterState | undefined;
  /** What of its configuration differs. */
  differences: readonly string[] = [];
  /** Ids of hosts that it knows with another TPM. */
  readonly conflicts = new Set<string>();
  /** Whether it hears of every host that attests, so that nothing has to be caught up. */
  isHearing = false;
  readonly #rest: TrustAuthorityRestClient;
  readonly #log: Logger;
  readonly #waiting: Telling[] = [];
  #isSending = false;

  /** @throws KpsimError `certificate_invalid` */
  constructor(
    member: ClusterMember,
    tls: { readonly certificatePem: string; readonly privateKeyPem: string },
    log: Logger,
  ) {
    this.member = member;
    this.url = httpsUrlOf(member.address);
    this.certificateSha256 = certificateX5tS256(member.certificate);
    this.#log = log;
    this.#rest = new TrustAuthorityRestClient(
      {
        baseUrl: this.url,
        pinnedThumbprintSha256: certificateThumbprintSha256(member.certificate),
        clientCertificate: tls,
        timeoutMs: PATIENCE_MS,
      },
      '/api/kpsim/attestation/cluster',
    );
  }

  /** Asks how it stands. @throws what the call does; then it counts as down */
  async ask(): Promise<ClusterState> {
    try {
      this.state = clusterState.parse(await this.#rest.call('GET', 'state'));
      return this.state;
    } catch (error) {
      this.lost(error);
      throw error;
    }
  }

  configuration(): Promise<AppliedConfiguration> {
    return this.#rest.configuration('configuration');
  }

  /** Sends a configuration, which it takes if its own still has the fingerprint `base`. */
  putConfiguration(configuration: ReplicatedConfiguration): Promise<void> {
    return this.#rest.tell('PUT', 'configuration', configuration);
  }

  /** The hosts that it knows, from the id after `after` on. */
  async hosts(after: string): Promise<readonly ToldHost[]> {
    return toldHosts.parse(await this.#rest.call('POST', 'hosts?action=list', { after })).hosts;
  }

  /** Tells it of hosts. @returns what it knows of each, in the same order; null for one that is forgotten */
  async tellAll(hosts: readonly ToldHost[]): Promise<readonly (HostRecord | null)[]> {
    return toldRecords.parse(await this.#rest.call('POST', 'hosts?action=merge', { hosts })).records;
  }

  /**
   * Tells it of one host. Whatever is told while a message is under way goes into the next one.
   *
   * @returns what it knows; undefined if that is nothing, or it does not answer
   */
  tell(host: string, entry: HostEntry): Promise<HostRecord | undefined> {
    return new Promise((resolve) => {
      this.#waiting.push({ told: { host, entry }, resolve });
      if (!this.#isSending) void this.#send();
    });
  }

  /** It did not answer: it counts as down until the next check. */
  lost(error: unknown): void {
    if (this.state) this.#log.warn({ member: this.url, err: error }, 'a member of the cluster is lost');
    this.state = undefined;
    this.isHearing = false;
  }

  /** Closes its connections. */
  close(): Promise<void> {
    return this.#rest.close();
  }

  async #send(): Promise<void> {
    this.#isSending = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, HOSTS_A_MESSAGE);
      const known = await this.#tellWhileHearing(batch.map(({ told }) => told));
      batch.forEach(({ resolve }, index) => resolve(known[index] ?? undefined));
    }
    this.#isSending = false;
  }

  async #tellWhileHearing(told: readonly ToldHost[]): Promise<readonly (HostRecord | null)[]> {
    if (!this.isHearing) return [];
    try {
      return await this.tellAll(told);
    } catch (error) {
      this.#log.debug({ member: this.url, reason: errorText(error) }, 'a member was not told of hosts');
      this.lost(error);
      return [];
    }
  }
}
