import { createHash } from 'node:crypto';

import * as z from 'zod';

import { VapiError, validate } from '../../core/http/index.js';
import { baseImageSchema } from '../../wire/esx-image/index.js';
import type { BaseImage } from '../../wire/esx-image/index.js';
import { attestationSettings, caCertificateSpec, endorsementKeySpec } from '../config.js';
import type { AttestationSettings, CaCertificateInfo, EndorsementKeyInfo } from './client.js';

/** Longest configuration that is read, in characters; 256 base images of the usual size have half of it. Own choice. */
export const MAX_RAW_CONFIGURATION_CHARACTERS = 32 * 1024 * 1024;

const rawConfiguration = z.strictObject({
  settings: attestationSettings,
  ca_certificates: z.array(caCertificateSpec).max(256),
  endorsement_keys: z.array(endorsementKeySpec).max(100_000),
  base_images: z.array(baseImageSchema).max(256),
});

/** Everything that an administrator sets in an attestation service, as `raw-config` has it. Own choice: JSON. */
export interface RawConfiguration {
  readonly settings: AttestationSettings;
  readonly ca_certificates: readonly CaCertificateInfo[];
  readonly endorsement_keys: readonly EndorsementKeyInfo[];
  readonly base_images: readonly BaseImage[];
}

/** The text of a configuration; services that are configured alike write the same. */
export function writeRawConfiguration(configuration: RawConfiguration): string {
  return JSON.stringify(configuration);
}

/** Reads a text as {@link writeRawConfiguration} writes it. @throws VapiError `INVALID_ARGUMENT` */
export function readRawConfiguration(text: string): RawConfiguration {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new VapiError('INVALID_ARGUMENT', 'configuration: not the JSON text that GET raw-config answers.', {
      cause: error,
    });
  }
  // Members that are left out of JSON are never undefined ones.
  return validate(rawConfiguration, json, 'The configuration') as RawConfiguration;
}

/** SHA-256 of a configuration's text, hex. */
export function configurationFingerprint(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/**
 * The text of a raw configuration as an administrator sends it.
 *
 * @param spec what `GET raw-config` answers; the fingerprint may be left out
 * @throws VapiError `INVALID_ARGUMENT` if the text does not have the fingerprint that comes with it
 */
export function checkedText({
  configuration,
  fingerprint,
}: {
  readonly configuration: string;
  readonly fingerprint?: string | undefined;
}): string {
  if (fingerprint === undefined || fingerprint === configurationFingerprint(configuration))
    return configuration;
  throw new VapiError(
    'INVALID_ARGUMENT',
    'The configuration does not have this fingerprint: send both as GET raw-config answered them.',
  );
}

/** The id of a base image: the digest of its manifest. */
export function baseImageId(manifest: BaseImage): string {
  return createHash('sha256').update(JSON.stringify(manifest)).digest('hex');
}

/** Differences of one part that are named; there may be thousands. */
const NAMED_DIFFERENCES = 8;

/**
 * What differs between two configurations, a sentence for each part, for example
 * `CA certificates: only here tpm-vendor`.
 */
export function configurationDifferences(here: RawConfiguration, there: RawConfiguration): string[] {
  return PARTS.flatMap(([what, rowsOf]) => {
    const [ours, theirs] = [rowsOf(here), rowsOf(there)];
    const named = [
      ...list(
        'only here',
        [...ours.keys()].filter((name) => !theirs.has(name)),
      ),
      ...list(
        'only there',
        [...theirs.keys()].filter((name) => !ours.has(name)),
      ),
      ...list(
        'different',
        [...ours].filter(([name, row]) => theirs.has(name) && theirs.get(name) !== row).map(([name]) => name),
      ),
    ];
    return named.length === 0 ? [] : [`${what}: ${named.join('; ')}`];
  });
}

function list(how: string, names: readonly string[]): string[] {
  if (names.length === 0) return [];
  const more = names.length - NAMED_DIFFERENCES;
  return [`${how} ${names.slice(0, NAMED_DIFFERENCES).join(', ')}${more > 0 ? ` and ${more} more` : ''}`];
}

/** The parts of a configuration, each as rows by name. */
const PARTS: readonly (readonly [string, (configuration: RawConfiguration) => Map<string, string>])[] = [
  [
    'settings',
    ({ settings }) => new Map(Object.entries(settings).map(([name, value]) => [name, String(value)])),
  ],
  ['CA certificates', ({ ca_certificates: rows }) => byName(rows)],
  ['endorsement keys', ({ endorsement_keys: rows }) => byName(rows)],
  [
    'base images',
    ({ base_images: rows }) =>
      new Map(rows.map((row) => [`${row.displayName} (${baseImageId(row).slice(0, 12)})`, ''])),
  ],
];

function byName(rows: readonly { readonly name: string }[]): Map<string, string> {
  return new Map(rows.map((row) => [row.name, JSON.stringify(row)]));
}
