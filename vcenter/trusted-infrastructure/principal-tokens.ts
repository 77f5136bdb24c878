import type { Clock } from '../../core/clock.js';
import { certificateThumbprintSha256, shownCertificate } from '../../core/pki/index.js';
import { signPrincipalToken } from '../../trust-authority/client.js';
import { networkAddressOf } from '../../wire/attestation/index.js';
import type { HostEntity } from '../inventory/entities.js';
import type { SecurityTokenService } from './sts.js';

/** Life of a token; hosts get keys for so long while their vCenter is away. */
const LIFETIME_SECONDS = 7 * 86_400;
/** Longest wait for a host to show its certificate. */
const SHOW_TIMEOUT_MS = 5000;

interface Held {
  /** Digest of the TLS certificate that the token is bound to. */
  readonly certificate: string;
  readonly token: string;
  readonly groups: string;
  readonly renewAtMs: number;
}

/** The principal tokens of a vCenter's trusted hosts: each says for whom its host asks a Trust Authority for keys. */
export class PrincipalTokens {
  readonly #sts: SecurityTokenService;
  readonly #clock: Clock;
  readonly #held = new Map<string, Held>();

  constructor(sts: SecurityTokenService, clock: Clock) {
    this.#sts = sts;
    this.#clock = clock;
  }

  /**
   * The token of a host for services of some groups, bound to the TLS certificate that the host shows now. It reaches the
   * host over a connection that is verified, so that nobody else gets to have it.
   *
   * @throws KpsimError if the host does not show a certificate
   */
  async tokenFor(host: HostEntity, serviceGroups: readonly string[]): Promise<string> {
    const groups = [...new Set(serviceGroups)].sort();
    const { hostname, port = 443 } = networkAddressOf(host.address);
    const shown = await shownCertificate({ host: hostname, port, timeoutMs: SHOW_TIMEOUT_MS });
    const certificate = certificateThumbprintSha256(shown);
    const known = this.#held.get(host.moid);
    const fits = known?.certificate === certificate && known.groups === groups.join(' ');
    if (fits && this.#clock.now() < known.renewAtMs) return known.token;
    const { certificatePem, privateKeyPem } = await this.#sts.key();
    const nowMs = this.#clock.now();
    const token = signPrincipalToken(
      { issuer: this.#sts.issuer, certificateChainPem: certificatePem, privateKeyPem },
      {
        principal: this.#sts.principal,
        serviceGroups: groups,
        hostCertificatePem: shown,
        nowMs,
        lifetimeSeconds: LIFETIME_SECONDS,
      },
    );
    const renewAtMs = nowMs + (LIFETIME_SECONDS * 1000) / 2;
    this.#held.set(host.moid, { token, certificate, groups: groups.join(' '), renewAtMs });
    return token;
  }

  /** Whether a host has a token that has lived half of its life. */
  isDue(host: HostEntity): boolean {
    const held = this.#held.get(host.moid);
    return held !== undefined && this.#clock.now() >= held.renewAtMs;
  }
}
