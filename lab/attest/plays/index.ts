import { SCENARIO_NAMES, scenarioRow } from '../../../wire/attestation/index.js';
import type { ScenarioName } from '../../../wire/attestation/index.js';
import type { Play } from '../play.js';
import { CLUSTER_PLAYS } from './cluster.js';
import { hostPlay } from './host.js';
import { KEY_SERVER_PLAYS } from './key-server.js';
import { PRINCIPAL_PLAYS } from './principal.js';
import { SERVICE_PLAYS } from './service.js';
import { TOKEN_PLAYS } from './token.js';

/** Names of scenarios that are no evidence fault of a host, and so have a play of their own. */
const OWN_PLAYS: Readonly<Record<string, Play>> = {
  ...SERVICE_PLAYS,
  ...TOKEN_PLAYS,
  ...CLUSTER_PLAYS,
  ...PRINCIPAL_PLAYS,
  ...KEY_SERVER_PLAYS,
};

/** How a scenario is played; undefined if nobody has written it. */
export function playOf(name: ScenarioName): Play | undefined {
  return scenarioRow(name).place === 'host' ? hostPlay(name) : OWN_PLAYS[name];
}

/** Names that have a play, to be held against the catalogue. */
export const PLAYED_NAMES: readonly string[] = [
  ...SCENARIO_NAMES.filter((name) => scenarioRow(name).place === 'host'),
  ...Object.keys(OWN_PLAYS),
];
