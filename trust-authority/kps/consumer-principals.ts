import type { X509Certificate } from 'node:crypto';
import { createHash } from 'node:crypto';

import type { ServiceContext } from '../../core/context.js';
import { VapiError } from '../../core/http/index.js';
import { certificateX5tS256, parsePemChain } from '../../core/pki/index.js';
import { principalName } from '../../wire/attestation/index.js';
import type { ConsumerPrincipal, ConsumerPrincipalSpec } from '../../wire/attestation/index.js';
import { DocumentTable } from '../documents.js';
import type { TableReplacement } from '../documents.js';
import { isChainValidAt, signingChainProblem } from '../pki/signing-chain.js';
import type { TrustAuthorityStore } from '../store.js';
import type { ConsumerPrincipalInfo } from './client.js';

/** Most consumer principals that are registered. */
const PRINCIPAL_LIMIT = 256;

/** A certificate that an issuer signs with, as it was registered for one principal. */
export interface RegisteredSigner {
  readonly principal: ConsumerPrincipal;
  /** The signing certificate first. */
  readonly chain: readonly X509Certificate[];
}

/** The consumer principals whose hosts may get keys, and by which certificates their issuers are recognized. */
export class ConsumerPrincipals {
  readonly #context: ServiceContext;
  readonly #table: DocumentTable<ConsumerPrincipal>;
  #signers: { readonly version: number; readonly byKey: ReadonlyMap<string, readonly RegisteredSigner[]> } = {
    version: -1,
    byKey: new Map(),
  };

  constructor(context: ServiceContext, store: TrustAuthorityStore) {
    this.#context = context;
    this.#table = new DocumentTable(store, 'consumer-principal', 'consumer principal', PRINCIPAL_LIMIT);
  }

  /** Grows with every change. */
  get version(): number {
    return this.#table.version;
  }

  list(): ConsumerPrincipal[] {
    return this.#table.entries().map(([, principal]) => principal);
  }

  has(profile: string): boolean {
    return this.#table.find(profile) !== undefined;
  }

  /** One principal, and whether the certificates of its issuer are valid. @throws VapiError `NOT_FOUND` */
  info(profile: string): ConsumerPrincipalInfo {
    const principal = this.#table.get(profile);
    const now = this.#context.clock.now();
    const chains = principal.certificates.map(({ cert_chain }) => parsePemChain(cert_chain.join('\n')));
    const expired = chains.filter((chain) => !isChainValidAt(chain, now)).length;
    if (expired === 0) return { ...principal, health: 'OK', details: [] };
    const id = 'kpsim.kms.principal_certificate_not_valid';
    const default_message = `${expired} of ${chains.length} certificate chains of the issuer are not valid now. Register the principal with the certificates that its issuer signs with.`;
    const health = expired === chains.length ? 'ERROR' : 'WARNING';
    return {
      ...principal,
      health,
      details: [{ id, default_message, args: [String(expired), String(chains.length)] }],
    };
  }

  /**
   * Registers a principal and returns its profile.
   *
   * @throws VapiError `ALREADY_EXISTS`, `INVALID_ARGUMENT`, KpsimError `certificate_invalid`
   */
  async create(spec: ConsumerPrincipalSpec): Promise<string> {
    const principal = registered(spec);
    await this.#table.create(principal.profile, principal);
    return principal.profile;
  }

  /** @throws VapiError `NOT_FOUND` */
  async remove(profile: string): Promise<void> {
    await this.#table.delete(profile);
  }

  /** All principals anew, as a part of a configuration that is replaced. @throws as {@link create} */
  replacement(specs: readonly ConsumerPrincipalSpec[]): TableReplacement {
    const principals = specs.map(registered);
    return this.#table.replacement(new Map(principals.map((principal) => [principal.profile, principal])));
  }

  /** True if a principal of this issuer is registered. */
  knowsIssuer(issuer: string): boolean {
    return this.list().some((principal) => principal.issuer === issuer);
  }

  /** Principals of an issuer that were registered with a signing certificate of this `x5t#S256`. */
  signers(issuer: string, kid: string): readonly RegisteredSigner[] {
    if (this.#signers.version !== this.version) {
      this.#signers = { version: this.version, byKey: signersOf(this.list()) };
    }
    return this.#signers.byKey.get(placeOf(issuer, kid)) ?? [];
  }
}

/** The profile of a principal: a UUID (RFC 9562, version 8) made of a digest, the same on every service. */
export function profileOf({ issuer, principal }: ConsumerPrincipalSpec): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([issuer, principal.type, principalName(principal)]))
    .digest();
  digest.writeUInt8((digest.readUInt8(6) & 0x0f) | 0x80, 6);
  digest.writeUInt8((digest.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = digest.toString('hex', 0, 16);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

function registered(spec: ConsumerPrincipalSpec): ConsumerPrincipal {
  spec.certificates.forEach(({ cert_chain }, index) => {
    const chain = cert_chain.flatMap(parsePemChain);
    const problem = signingChainProblem(chain);
    if (problem === undefined) return;
    throw new VapiError(
      'INVALID_ARGUMENT',
      `certificates[${index}]: ${problem}. Give each chain with the signing certificate first, then its issuers.`,
    );
  });
  const { principal, issuer, issuer_alias, certificates } = spec;
  return { profile: profileOf(spec), principal, issuer, issuer_alias, certificates };
}

function signersOf(principals: readonly ConsumerPrincipal[]): Map<string, RegisteredSigner[]> {
  const byKey = new Map<string, RegisteredSigner[]>();
  for (const principal of principals) {
    for (const { cert_chain } of principal.certificates) {
      const chain = cert_chain.flatMap(parsePemChain);
      const [leaf] = chain;
      if (leaf === undefined) continue;
      const place = placeOf(principal.issuer, certificateX5tS256(leaf));
      byKey.set(place, [...(byKey.get(place) ?? []), { principal, chain }]);
    }
  }
  return byKey;
}

/** An issuer has no spaces in it. */
function placeOf(issuer: string, kid: string): string {
  return `${issuer} ${kid}`;
}
