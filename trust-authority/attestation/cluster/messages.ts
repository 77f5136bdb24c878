import * as z from 'zod';

import { MAX_RAW_CONFIGURATION_CHARACTERS } from '../raw-configuration.js';

/** Most hosts that one message tells of. */
export const HOSTS_A_MESSAGE = 1000;

const fingerprint = z.string().regex(/^[0-9a-f]{64}$/, 'SHA-256 in hex');
/** Milliseconds since the epoch, as far as a `Date` reaches (ECMA-262 §21.4.1.1). */
const time = z.number().int().min(0).max(8.64e15);
const counter = z.number().int().min(0).max(0xffffffff);
const hostId = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[\x21-\x7e]+$/, 'printable ASCII without spaces');

const hostRecord = z.strictObject({
  endorsementKey: fingerprint,
  resetCount: counter,
  restartCount: counter,
  attestedAtMs: time,
  owner: z.string().min(1).max(256).optional(),
});

const toldHost = z.strictObject({
  host: hostId,
  entry: z.union([hostRecord, z.strictObject({ forgottenAtMs: time })]),
});

/** A host as members tell each other of it. */
export type ToldHost = z.output<typeof toldHost>;

/** Body of `POST …/cluster/hosts?action=merge`, and answer of `?action=list`. */
export const toldHosts = z.strictObject({ hosts: z.array(toldHost).max(HOSTS_A_MESSAGE) });

/** Answer of `POST …/cluster/hosts?action=merge`: what is known of each host told. */
export const toldRecords = z.strictObject({ records: z.array(hostRecord.nullable()).max(HOSTS_A_MESSAGE) });

/** Body of `POST …/cluster/hosts?action=list`: the id that the page begins after. */
export const hostPageSpec = z.strictObject({ after: z.string().max(128) });

/** Former revisions that are remembered. */
export const MAX_ANCESTORS = 64;

const revision = z.string().max(64);

/** Where a configuration comes from: a member whose revision is among the ancestors of another's is merely behind. */
const lineage = { revision, ancestors: z.array(revision).max(MAX_ANCESTORS) };

/** Body of `PUT …/cluster/configuration`. */
export const replicatedConfiguration = z.strictObject({
  configuration: z.string().min(1).max(MAX_RAW_CONFIGURATION_CHARACTERS),
  /** Fingerprint of the configuration that it follows. */
  base: fingerprint,
  ...lineage,
});

/** A configuration as one member sends it to another. */
export type ReplicatedConfiguration = z.output<typeof replicatedConfiguration>;

/** How a member stands. */
export const clusterState = z.strictObject({
  fingerprint,
  last_update_time: z.string().max(64),
  /** Nothing was ever configured there. */
  pristine: z.boolean(),
  ...lineage,
});

/** How a member stands. */
export type ClusterState = z.output<typeof clusterState>;
