import { createHash } from 'node:crypto';

import * as z from 'zod';

import { VapiError, validate } from '../../core/http/index.js';
import { consumerPrincipalSpec, httpsUrlOf, serviceGroup } from '../../wire/attestation/index.js';
import {
  attestationServiceSpec,
  entitledProfiles,
  providerCreateSpec,
  serverCertificatesSpec,
} from '../config.js';
import type { rawConfigSpec } from '../config.js';
import type { AppliedConfiguration } from '../rest-client.js';
import type { DocumentKind, TrustAuthorityStore } from '../store.js';
import { replaceTables } from '../table-replacement.js';
import { profileOf } from './consumer-principals.js';
import type { ConsumerPrincipals } from './consumer-principals.js';
import { FORMER_KEY_LIMIT, PROVIDER_LIMIT } from './provider-document.js';
import type { Providers } from './providers.js';
import type { TrustedIssuers } from './trusted-issuers.js';

/** Kinds of documents that make up the configuration. */
const KINDS: readonly DocumentKind[] = ['provider', 'attestation-service', 'consumer-principal'];

/** The configuration of a key provider service, as `raw-config` has it: all that an administrator sets but secrets. */
const rawConfiguration = z.strictObject({
  group: serviceGroup,
  providers: z
    .array(
      providerCreateSpec.extend({
        serverCertificates: serverCertificatesSpec.shape.certificates,
        formerMasterKeyIds: z.array(providerCreateSpec.shape.master_key_id).max(FORMER_KEY_LIMIT),
        entitledProfiles: entitledProfiles.optional(),
      }),
    )
    .max(PROVIDER_LIMIT),
  attestation_services: z.array(attestationServiceSpec),
  consumer_principals: z.array(consumerPrincipalSpec),
});

/** A configuration that was checked. */
export type RawConfiguration = z.output<typeof rawConfiguration>;

/** What the configuration of a key provider service consists of. */
export interface ConfiguredKmsRooms {
  readonly providers: Providers;
  readonly issuers: TrustedIssuers;
  readonly principals: ConsumerPrincipals;
  readonly store: TrustAuthorityStore;
  readonly group: string;
}

/**
 * The whole configuration of a key provider service as one text, which another service of its cluster takes over.
 * Client certificates and credentials are each service's own.
 */
export class KmsConfiguration {
  readonly #rooms: ConfiguredKmsRooms;

  constructor(rooms: ConfiguredKmsRooms) {
    this.#rooms = rooms;
  }

  /** Services that are configured alike have the same text, whatever the order in which they were. */
  applied(): AppliedConfiguration {
    const configuration = JSON.stringify(this.#raw());
    return {
      configuration,
      fingerprint: fingerprintOf(configuration),
      last_update_time: new Date(this.#rooms.store.changedAtMs(KINDS)).toISOString(),
    };
  }

  /**
   * Replaces the configuration by that of another service: all of it or nothing. Providers that stay keep their
   * client certificate and credential, new ones begin with a certificate that they sign themselves.
   *
   * @param spec what `raw-config` of the other service answered
   * @throws VapiError `INVALID_ARGUMENT`, `UNSUPPORTED`; KpsimError `certificate_invalid`
   */
  async replace({ configuration, fingerprint }: z.output<typeof rawConfigSpec>): Promise<void> {
    if (fingerprint !== undefined && fingerprint !== fingerprintOf(configuration)) {
      throw new VapiError(
        'INVALID_ARGUMENT',
        'fingerprint: it is not that of the configuration. Send both as the other service answered them.',
      );
    }
    const { providers, issuers, principals, store } = this.#rooms;
    const raw = this.#parsed(configuration);
    demandKnown(raw);
    const newPrincipals = principals.replacement(raw.consumer_principals);
    const newProviders = providers.replacement(raw.providers);
    const newIssuers = issuers.replacement(raw.attestation_services);
    await replaceTables(store, [newPrincipals, newProviders, newIssuers]);
    await Promise.all([providers.reload(), issuers.reload()]);
  }

  #raw(): RawConfiguration {
    const { providers, issuers, principals, group } = this.#rooms;
    return {
      group,
      providers: sorted(
        providers.names().map((name) => providers.get(name)),
        ({ provider }) => provider,
      ).map((row) => ({
        provider: row.provider,
        master_key_id: row.master_key_id,
        key_server: row.key_server as RawConfiguration['providers'][number]['key_server'],
        serverCertificates: [...row.serverCertificates],
        formerMasterKeyIds: [...row.formerMasterKeyIds],
        ...(row.entitledProfiles && { entitledProfiles: [...row.entitledProfiles] }),
      })),
      attestation_services: sorted(issuers.list(), ({ address }) => httpsUrlOf(address)).map(
        ({ address, trusted_CA, group: of }) => ({ address, trusted_CA, group: of }),
      ),
      consumer_principals: sorted(principals.list(), ({ profile }) => profile).map(
        ({ principal, issuer, issuer_alias, certificates }) => ({
          principal,
          issuer,
          issuer_alias,
          certificates,
        }),
      ),
    };
  }

  #parsed(configuration: string): RawConfiguration {
    const raw = validate(rawConfiguration, parsedJson(configuration), 'configuration');
    const { group } = this.#rooms;
    if (raw.group !== group) {
      throw new VapiError(
        'INVALID_ARGUMENT',
        `configuration: it is of the group ${raw.group}, this service is of ${group}. Services of a cluster are of one group.`,
      );
    }
    demandUnique(
      'providers',
      raw.providers.map(({ provider }) => provider),
    );
    demandUnique(
      'attestation_services',
      raw.attestation_services.map(({ address }) => httpsUrlOf(address)),
    );
    return raw;
  }
}

function fingerprintOf(configuration: string): string {
  return createHash('sha256').update(configuration).digest('hex');
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new VapiError(
      'INVALID_ARGUMENT',
      'configuration: not JSON. Send the field configuration of what GET raw-config of another service answered.',
      { cause: error },
    );
  }
}

function demandUnique(what: string, names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return;
  throw new VapiError('INVALID_ARGUMENT', `configuration: ${what} has ${JSON.stringify(twice)} twice.`);
}

function demandKnown({ providers, consumer_principals }: RawConfiguration): void {
  const known = new Set(consumer_principals.map(profileOf));
  const unknown = providers.flatMap((row) => row.entitledProfiles ?? []).find((one) => !known.has(one));
  if (unknown === undefined) return;
  throw new VapiError('INVALID_ARGUMENT', `configuration: there is no consumer principal ${unknown}.`);
}

function sorted<T>(rows: readonly T[], keyOf: (row: T) => string): T[] {
  return [...rows].sort((left, right) => (keyOf(left) < keyOf(right) ? -1 : 1));
}
