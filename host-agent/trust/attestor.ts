import type { Clock } from '../../core/clock.js';
import { KpsimError, errorText } from '../../core/errors.js';
import type { Logger } from '../../core/logging.js';
import type { HostMetrics } from '../metrics.js';
import { AttestationClient } from '../../trust-authority/client.js';
import { AttestationError } from '../../wire/attestation/index.js';
import type {
  AttestationDocument,
  AttestationExplanation,
  AttestationInfo,
  AttestationReport,
  ServiceAppraisal,
  TrustedServiceSpec,
} from '../api/results.js';
import { decidingReason, exchange, tokenOf } from './exchange.js';
import type { EvidenceMaker, HeldToken } from './exchange.js';
import { explainAttestation } from './explain.js';
import type { AskedService } from './explain.js';
import { Retry } from './retry.js';

/** Reports with less than this left are renewed before they are used (own choice; they live 8 hours). */
const RENEW_BEFORE_MS = 10 * 60_000;

/** What an {@link Attestor} stands on. */
export interface AttestorOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: HostMetrics;
  /** The host's certificate, shown to attestation services. */
  readonly tls: { readonly certificatePem: string; readonly privateKeyPem: string };
  /** Undefined on a host without a TPM. */
  readonly evidence: EvidenceMaker | undefined;
}

/** A host has no good report of an attestation service of a group. */
export class NotAttestedError extends KpsimError {
  /** Reason code of the catalogue, or of the service that could not be asked. */
  readonly reason: string;

  constructor(reason: string, message: string, options?: ErrorOptions) {
    super('not_attested', message, options);
    this.reason = reason;
  }
}

/** What asking one service came to; without a verdict the next one is asked. */
interface Answer {
  readonly verdict: boolean;
  readonly appraisal: ServiceAppraisal;
  readonly documents: readonly AttestationDocument[];
  readonly token?: HeldToken;
}

interface GroupState {
  /** Asked in this order, which is that in which the host was told of them: hosts are not spread over services. */
  readonly services: AskedService[];
  readonly retry: Retry;
  held?: HeldToken | undefined;
  appraisals: readonly ServiceAppraisal[];
  documents: readonly AttestationDocument[];
}

/**
 * The host's side of attestation: asks the services of each group, keeps the tokens, renews them before they
 * expire, and tries again where none was got.
 */
export class Attestor {
  readonly #options: AttestorOptions;
  readonly #groups = new Map<string, GroupState>();
  readonly #running = new Map<string, Promise<void>>();

  constructor(options: AttestorOptions) {
    this.#options = options;
  }

  /** Replaces the attestation services; tokens of before are forgotten. */
  async configure(services: readonly TrustedServiceSpec[]): Promise<void> {
    await this.close();
    for (const spec of services) {
      const group = this.#groups.get(spec.group) ?? {
        services: [],
        retry: new Retry(),
        appraisals: [],
        documents: [],
      };
      const client = new AttestationClient({
        baseUrl: spec.address,
        caPem: spec.trusted_CA,
        clientCertificate: this.#options.tls,
      });
      group.services.push({ spec, client });
      this.#groups.set(spec.group, group);
    }
  }

  /** Forgets all tokens, as a reboot does. */
  forget(): void {
    for (const group of this.#groups.values()) {
      group.held = undefined;
      group.appraisals = [];
      group.documents = [];
      group.retry.reset();
    }
  }

  /** Attests to every group whose report is not good for long enough, or to all with `force`. */
  async attest(force: boolean): Promise<AttestationReport> {
    const due = [...this.#groups.keys()].filter((name) => force || !this.#isFresh(this.#groups.get(name)));
    await Promise.all(due.map((name) => this.#attestOnce(name)));
    return this.report();
  }

  /**
   * Attests to every group whose report is about to expire or that has none: called now and then, so that no use of a
   * report has to wait, and so that a host that was refused comes back by itself. After a failure the host waits, each
   * time longer, up to a bound.
   *
   * @returns whether any report has come or gone
   */
  async renewDue(): Promise<boolean> {
    if (!this.#options.evidence) return false;
    const now = this.#options.clock.now();
    const due = [...this.#groups].filter(([, group]) => !this.#isFresh(group) && group.retry.isDue(now));
    const changes = due.map(async ([name, group]) => {
      const before = group.held;
      await this.#attestOnce(name);
      return group.held !== before;
    });
    return (await Promise.all(changes)).includes(true);
  }

  /** One attestation with everything that its verdict rests on; how the host stands does not change by it. */
  explain(): Promise<AttestationExplanation> {
    const services = [...this.#groups.values()].flatMap((group) => group.services);
    return explainAttestation(services, this.#options.evidence);
  }

  /**
   * A KMS_AUTH_JWT for the key provider services of a group.
   *
   * @param rejected a token that a key provider service refused; it is not given again
   * @throws NotAttestedError
   */
  async token(groupName: string, rejected?: string): Promise<string> {
    const group = this.#groups.get(groupName);
    if (!group) {
      throw new NotAttestedError(
        'attestation_service_missing',
        `The host has no attestation service of group ${groupName}: set one, of the same group as the key provider service.`,
      );
    }
    if (!this.#isFresh(group) || group.held?.token === rejected) await this.#attestOnce(groupName);
    const { held } = group;
    if (held && held.token !== rejected && this.#isValid(held)) return held.token;
    const failed = group.appraisals.find(({ attested }) => !attested);
    throw new NotAttestedError(
      failed?.reason ?? 'attestation_service_unreachable',
      `The host is not attested (${failed?.reason ?? 'no attestation service answered'}). ${messageOf(failed)}`.trim(),
    );
  }

  /** How the host stands; attested only if every group's report is valid now. */
  info(): AttestationInfo {
    const groups = [...this.#groups.values()];
    const messages = groups.flatMap(({ appraisals }) =>
      appraisals.filter(({ attested }) => !attested).map(messageOf),
    );
    const held = groups.map((group) => group.held).filter((token) => token !== undefined);
    const [first] = held;
    const valid = held.length === groups.length && held.every((token) => this.#isValid(token));
    if (valid && first) {
      return {
        status: 'attested',
        serviceId: first.claims.iss,
        attestedAt: isoOf(first.claims.iat),
        attestedUntil: isoOf(Math.min(...held.map(({ claims }) => claims.exp))),
        messages,
      };
    }
    const asked = groups.some(({ appraisals }) => appraisals.length > 0);
    if (!asked) return { status: 'unknown', messages: [this.#whyUnknown()] };
    const expired = held.length > 0 && messages.length === 0;
    return {
      status: 'notAttested',
      messages: expired ? ['The report has expired: attest again.'] : messages,
    };
  }

  /** The last attestation, whole. @param documents whether with the documents that services gave */
  report(documents = false): AttestationReport {
    const groups = [...this.#groups.values()];
    return {
      info: this.info(),
      appraisals: groups.flatMap(({ appraisals }) => appraisals),
      ...(documents && { documents: groups.flatMap((group) => group.documents) }),
    };
  }

  /** Closes all connections and forgets services and tokens. */
  async close(): Promise<void> {
    const clients = [...this.#groups.values()].flatMap(({ services }) =>
      services.map(({ client }) => client),
    );
    this.#groups.clear();
    // Closing its connections ends what is running; nobody waits for a service that does not answer.
    await Promise.all(clients.map((client) => client.close()));
    await Promise.allSettled(this.#running.values());
  }

  #whyUnknown(): string {
    if (this.#groups.size === 0) return 'The host has no attestation service.';
    return this.#options.evidence ? 'The host has not attested yet.' : NO_TPM;
  }

  /** One attestation of a group at a time; who asks meanwhile gets its result. */
  #attestOnce(groupName: string): Promise<void> {
    const running = this.#running.get(groupName);
    if (running) return running;
    const started = this.#attestGroup(groupName).finally(() => this.#running.delete(groupName));
    this.#running.set(groupName, started);
    return started;
  }

  /** Asks the services in their order until one gives a verdict; one that cannot be asked is passed over. */
  async #attestGroup(groupName: string): Promise<void> {
    const group = this.#groups.get(groupName);
    if (!group) return;
    const appraisals: ServiceAppraisal[] = [];
    let last: Answer | undefined;
    for (const service of group.services) {
      last = await this.#ask(service);
      appraisals.push(last.appraisal);
      this.#options.metrics.attestations.inc({ outcome: last.appraisal.reason ?? 'attested' });
      if (last.verdict) break;
    }
    // A report that is still valid outlives an attestation that found no service to ask.
    if (last && last.appraisal.error === undefined) {
      group.held = last.token;
      group.documents = last.documents;
    }
    group.appraisals = appraisals;
    if (last?.token) group.retry.reset();
    else group.retry.failed(this.#options.clock.now());
  }

  async #ask({ spec, client }: AskedService): Promise<Answer> {
    const base = { service: spec.address, group: spec.group };
    const { evidence } = this.#options;
    if (!evidence) {
      const appraisal = { ...base, attested: false, reason: 'tpm_unavailable', error: NO_TPM, steps: [] };
      return { verdict: true, appraisal, documents: [] };
    }
    try {
      const exchanged = await exchange(client, evidence, { types: ['KMS_AUTH_JWT', 'REPORTING_JWT'] });
      const { steps } = exchanged;
      const token = tokenOf(exchanged);
      const documents = exchanged.documents.map((document) => ({ ...base, ...document }));
      const appraisal = { ...base, attested: token !== undefined, steps };
      if (token) return { verdict: true, appraisal, documents, token };
      const reason = decidingReason(steps) ?? 'malformed_evidence';
      return { verdict: true, appraisal: { ...appraisal, reason }, documents };
    } catch (error) {
      this.#options.log.warn({ err: error, service: spec.address }, 'attestation failed');
      const reason = error instanceof AttestationError ? error.reason : 'attestation_service_unreachable';
      const appraisal = { ...base, attested: false, reason, error: errorText(error), steps: [] };
      return { verdict: error instanceof AttestationError, appraisal, documents: [] };
    }
  }

  #isFresh(group: GroupState | undefined): boolean {
    const expiresAt = (group?.held?.claims.exp ?? 0) * 1000;
    return expiresAt - this.#options.clock.now() > RENEW_BEFORE_MS;
  }

  #isValid({ claims }: HeldToken): boolean {
    return claims.exp * 1000 > this.#options.clock.now();
  }
}

const NO_TPM =
  'The host has no TPM 2.0, which attestation needs: use a host with one, or another kind of key provider.';

function messageOf(appraisal: ServiceAppraisal | undefined): string {
  if (!appraisal) return '';
  if (appraisal.error !== undefined) return appraisal.error;
  const failed = appraisal.steps.find(({ status }) => status === 'failed');
  return `${appraisal.service}: ${appraisal.reason ?? 'not attested'}${failed ? ` at ${failed.name}` : ''}. ${failed?.remedy ?? ''}`.trim();
}

function isoOf(epochSeconds: number): string {
  return new Date(epochSeconds * 1000).toISOString();
}
