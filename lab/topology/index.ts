import * as z from 'zod';

import type { YamlSource } from '../../core/config/index.js';
import { checkYaml, parseYaml, readYaml } from '../../core/config/index.js';
import { TWO_VCENTERS } from '../topologies/two-vcenters.js';
import { checkReferences } from './references.js';
import type { Topology, TopologyInput } from './schema.js';
import { topologyShape } from './schema.js';

export type * from './schema.js';
export { authoritiesOf, hostsOf, vcentersOf } from './references.js';
export type { HostAddress, PlacedHost } from './references.js';

/** A topology: its shape, and that every name in it refers to something. */
export const topologySchema = topologyShape.superRefine(checkReferences);

/**
 * Reads a topology file.
 *
 * @throws KpsimError `config_unreadable`; ConfigError naming file, line and what is allowed for every mistake
 */
export async function readTopology(path: string): Promise<Topology> {
  return checkTopology(await readYaml(path));
}

/** Parses the text of a topology file. @throws ConfigError as {@link readTopology} */
export function parseTopology(yaml: string, name = 'topology.yaml'): Topology {
  return checkTopology(parseYaml(yaml, name));
}

/** Checks a topology written in TypeScript. @throws ConfigError with the paths of all mistakes */
export function topologyOf(input: TopologyInput): Topology {
  const anywhere = (): string => 'topology';
  return checkTopology({ name: 'topology', value: input, locate: anywhere, locateKey: anywhere });
}

/** The topology of the demo: two vCenters, three kinds of key provider. */
export function builtInTopology(): Topology {
  return parseTopology(TWO_VCENTERS, 'two-vcenters.yaml');
}

/** The text of the built-in topology, with comments; a start for one's own. */
export const BUILT_IN_TOPOLOGY_YAML: string = TWO_VCENTERS;

/** JSON Schema (2020-12) of a topology file, for editors. */
export function topologyJsonSchema(): unknown {
  return z.toJSONSchema(topologyShape, { io: 'input' });
}

function checkTopology(source: YamlSource): Topology {
  return checkYaml(topologySchema, { ...source, value: source.value ?? {} });
}
