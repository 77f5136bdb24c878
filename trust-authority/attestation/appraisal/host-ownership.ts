import type { ClientIdentity } from '../../rest/operation.js';
import { ownerOf } from '../known-hosts.js';
import type { Reference } from './material.js';
import type { Shown } from './step.js';

/**
 * Why a client may not attest under a host id: the id is another's, or the client has as many as it may have. Ids are
 * what hosts say of themselves, so each belongs to the first client certificate that attested with it. Own choice.
 *
 * @returns undefined if it may
 */
export function ownershipConflict(
  client: ClientIdentity,
  { knownHost, hostIds }: Reference,
): Shown | undefined {
  const owner = ownerOf(client);
  if (knownHost) {
    return knownHost.owner === undefined || knownHost.owner === owner
      ? undefined
      : {
          expected: `the client certificate of ${shownOwner(knownHost.owner)}, who has this host id`,
          actual: `the client certificate of ${shownOwner(owner)}`,
        };
  }
  return hostIds.owned < hostIds.limit
    ? undefined
    : {
        expected: `at most ${hostIds.limit} host ids with one client certificate`,
        actual: `${hostIds.owned} known host ids of ${shownOwner(owner)}, and another one`,
      };
}

function shownOwner(owner: string): string {
  return JSON.stringify(owner.slice(0, 80));
}
