import type { Clock } from '../../../core/clock.js';
import { VapiError } from '../../../core/http/index.js';
import type { HostEntry, HostRecord, KnownHosts } from '../known-hosts.js';
import { HOSTS_A_MESSAGE } from './messages.js';
import type { ToldHost } from './messages.js';
import type { Peer } from './peer.js';

/** Clocks of members may differ by that much: a day. Own choice. */
const CLOCK_DIFFERENCE_MS = 86_400_000;
/** Host ids that are named where members know them with different TPMs. */
const NAMED_CONFLICTS = 100;

/** What members tell each other of the hosts that they know. */
export class HostExchange {
  readonly #clock: Clock;
  readonly #knownHosts: KnownHosts;

  constructor(clock: Clock, knownHosts: KnownHosts) {
    this.#clock = clock;
    this.#knownHosts = knownHosts;
  }

  /**
   * Takes over what a member knows of hosts.
   *
   * @returns what is known of each now; undefined for one that is forgotten
   * @throws VapiError `INVALID_ARGUMENT` if one of them is of the future; then none is taken over
   */
  hear(hosts: readonly ToldHost[]): Promise<(HostRecord | undefined)[]> {
    const latest = this.#clock.now() + CLOCK_DIFFERENCE_MS;
    const early = hosts.find(({ entry }) => timeOf(entry) > latest);
    if (early) {
      throw new VapiError(
        'INVALID_ARGUMENT',
        `hosts: what is told of ${early.host} is more than a day in the future. Set the clocks of both services.`,
      );
    }
    return Promise.all(hosts.map(({ host, entry }) => this.#knownHosts.merge(host, entry)));
  }

  /**
   * Exchanges everything known of hosts; from its beginning on, the member hears of every new one.
   *
   * @throws what a call does, or if it tells of what it may not; then it counts as down
   */
  async catchUp(peer: Peer): Promise<void> {
    peer.isHearing = true;
    peer.conflicts.clear();
    try {
      for (let after: string | undefined = ''; after !== undefined;) {
        const hosts = await peer.hosts(after);
        const known = await this.hear(hosts);
        hosts.forEach(({ host, entry }, index) => noteConflict(peer, host, entry, known[index]));
        const last = hosts.length < HOSTS_A_MESSAGE ? undefined : hosts.at(-1)?.host;
        if (last !== undefined && last <= after)
          throw new Error('it tells of the same hosts again and again');
        after = last;
      }
      for (let after: string | undefined = ''; after !== undefined;) {
        const page: readonly ToldHost[] = this.#knownHosts
          .page(after, HOSTS_A_MESSAGE)
          .map(([host, entry]) => ({ host, entry }));
        if (page.length > 0) await peer.tellAll(page);
        after = page.length < HOSTS_A_MESSAGE ? undefined : page.at(-1)?.host;
      }
    } catch (error) {
      peer.lost(error);
      throw error;
    }
  }
}

function timeOf(entry: HostEntry): number {
  return 'forgottenAtMs' in entry ? entry.forgottenAtMs : entry.attestedAtMs;
}

function noteConflict(peer: Peer, host: string, heard: HostEntry, known: HostRecord | undefined): void {
  if (!known || !('endorsementKey' in heard) || known.endorsementKey === heard.endorsementKey) return;
  if (peer.conflicts.size < NAMED_CONFLICTS) peer.conflicts.add(host);
}
