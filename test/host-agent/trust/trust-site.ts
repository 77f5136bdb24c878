import { onTestFinished } from 'vitest';

import { AdjustableClock } from '../../../core/clock.js';
import type { TrustedServicesSpec } from '../../../host-agent/client.js';
import type { HostAgentConfigInput } from '../../../host-agent/index.js';
import { EndorsementPool } from '../../../host-agent/tpm/index.js';
import type { Every } from '../../../host-agent/trust/renewal-timer.js';
import type { TestTrustAuthority, TrustPki } from '../../trust-authority/harness.js';
import { makeTrustPki, startTrustAuthority } from '../../trust-authority/harness.js';
import type { RunningHost, Site } from '../hosts.js';
import { startHost } from '../hosts.js';

/** An address at which nothing listens. */
export const UNREACHABLE = 'https://127.0.0.1:9';

/** A timer that goes when a test says so. */
export class ManualTimer {
  readonly #works = new Set<() => Promise<void>>();

  readonly every: Every = (_intervalMs, work) => {
    this.#works.add(work);
    return () => this.#works.delete(work);
  };

  /** Lets it go off once; what is done then is done when this resolves. */
  async tick(): Promise<void> {
    await Promise.all([...this.#works].map((work) => work()));
  }
}

/** A host with a timer of its test's. */
export type TimedHost = RunningHost & { readonly timer: ManualTimer };

/** One Trust Authority with hosts around it, all by one clock that stands still. */
export class TrustSite implements AsyncDisposable {
  readonly pki: TrustPki;
  readonly site: Site;
  readonly clock: AdjustableClock;
  readonly ta: TestTrustAuthority;
  readonly #endorsementPool = new EndorsementPool();

  private constructor(pki: TrustPki, site: Site, clock: AdjustableClock, ta: TestTrustAuthority) {
    this.pki = pki;
    this.site = site;
    this.clock = clock;
    this.ta = ta;
  }

  static async start(): Promise<TrustSite> {
    const pki = await makeTrustPki();
    const administrator = await pki.authority.issueClient({ commonName: 'vc-test' });
    const startedAt = Date.now();
    const clock = new AdjustableClock({ now: () => startedAt });
    const ta = await startTrustAuthority(pki, {}, { clock });
    return new TrustSite(pki, { ca: pki.authority, administrator }, clock, ta);
  }

  /** A service at an address, of the group of the Trust Authority. */
  service(address: string): TrustedServicesSpec['kms'][number] {
    return { address, trusted_CA: this.pki.authority.caPem, group: 'group-1' };
  }

  /** A host with a TPM for one test, told of the Trust Authority and of a provider `tkp-1`. */
  async host(
    config: Partial<HostAgentConfigInput> = {},
    services: Partial<TrustedServicesSpec> = {},
  ): Promise<TimedHost> {
    const timer = new ManualTimer();
    const host = await startHost(
      this.site,
      { tpm: 'software', ...config },
      {
        context: { clock: this.clock },
        parts: {
          tpmVendor: this.pki.vendor,
          endorsementPool: this.#endorsementPool,
          every: timer.every,
        },
      },
    );
    await host.client.setTrustedServices({
      attestation: [this.service(this.ta.attestationUrl)],
      kms: [this.service(this.ta.kmsUrl)],
      providers: ['tkp-1'],
      ...services,
    });
    return { ...host, timer };
  }

  /** Another Trust Authority of the same makers, for one test. */
  async another(): Promise<TestTrustAuthority> {
    const other = await startTrustAuthority(this.pki, {}, { clock: this.clock });
    onTestFinished(() => other[Symbol.asyncDispose]());
    return other;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.ta[Symbol.asyncDispose]();
  }
}
