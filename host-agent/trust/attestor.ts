import { decodeJwt } from 'jose';

import type { Clock } from '../../core/clock.js';
import { KpsimError, errorText } from '../../core/errors.js';
import type { Logger } from '../../core/logging.js';
import type { HostMetrics } from '../metrics.js';
import { AttestationClient } from '../../trust-authority/client.js';
import {
  AttestationError,
  decodeContextOf,
  encodeContext,
  kmsAuthClaims,
} from '../../wire/attestation/index.js';
import type {
  AttestIdentity,
  ChallengeContext,
  EvidenceContext,
  HelloContext,
  KmsAuthClaims,
} from '../../wire/attestation/index.js';
import type {
  AppraisalStepReport,
  AttestationInfo,
  AttestationReport,
  ServiceAppraisal,
  TrustedServiceSpec,
} from '../api/results.js';

/** Reports with less than this left are renewed before they are used (own choice; they live 8 hours). */
const RENEW_BEFORE_MS = 10 * 60_000;

/** Makes what a host sends to an attestation service. */
export interface EvidenceMaker {
  /** Round 1. @throws AttestationError `tpm_unavailable` */
  hello(): Promise<{ readonly identity: AttestIdentity; readonly context: HelloContext }>;
  /** The challenge that is to be answered. @param ask sends round 1 and returns the service's challenge */
  challenge(ask: () => Promise<ChallengeContext>): Promise<ChallengeContext>;
  /** Round 2. @throws AttestationError `tpm_unavailable` */
  evidence(challenge: ChallengeContext): Promise<EvidenceContext>;
}

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

interface HeldToken {
  readonly token: string;
  readonly claims: KmsAuthClaims;
}

interface GroupState {
  readonly services: { readonly spec: TrustedServiceSpec; readonly client: AttestationClient }[];
  held?: HeldToken | undefined;
  appraisals: readonly ServiceAppraisal[];
}

/** The host's side of attestation: asks the services of each group, keeps the tokens, renews them before they expire. */
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
      const group = this.#groups.get(spec.group) ?? { services: [], appraisals: [] };
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
    }
  }

  /** Attests to every group whose report is not good for long enough, or to all with `force`. */
  async attest(force: boolean): Promise<AttestationReport> {
    const due = [...this.#groups.keys()].filter((name) => force || !this.#isFresh(this.#groups.get(name)));
    await Promise.all(due.map((name) => this.#attestOnce(name)));
    return this.report();
  }

  /** Renews reports that are about to expire; called now and then, so that no use of one has to wait. */
  async renewDue(): Promise<void> {
    const due = [...this.#groups].filter(([, group]) => group.held && !this.#isFresh(group));
    await Promise.all(due.map(([name]) => this.#attestOnce(name)));
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

  /** The last attestation, whole. */
  report(): AttestationReport {
    return {
      info: this.info(),
      appraisals: [...this.#groups.values()].flatMap(({ appraisals }) => appraisals),
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
    let held: HeldToken | undefined;
    for (const { spec, client } of group.services) {
      const { verdict, appraisal, token } = await this.#ask(spec, client);
      appraisals.push(appraisal);
      this.#options.metrics.attestations.inc({ outcome: appraisal.reason ?? 'attested' });
      held = token;
      if (verdict) break;
    }
    // A report that is still valid outlives an attestation that found no service to ask.
    const unanswered = appraisals.every(({ error }) => error !== undefined);
    if (held !== undefined || !unanswered) group.held = held;
    group.appraisals = appraisals;
  }

  async #ask(
    spec: TrustedServiceSpec,
    client: AttestationClient,
  ): Promise<{ verdict: boolean; appraisal: ServiceAppraisal; token?: HeldToken }> {
    const base = { service: spec.address, group: spec.group };
    const { evidence } = this.#options;
    if (!evidence) {
      const appraisal = { ...base, attested: false, reason: 'tpm_unavailable', error: NO_TPM, steps: [] };
      return { verdict: true, appraisal };
    }
    try {
      const { steps, token } = await exchange(client, evidence);
      const reason = steps.find(({ status }) => status === 'failed')?.reason;
      const appraisal = { ...base, attested: token !== undefined, steps };
      return token
        ? { verdict: true, appraisal, token }
        : { verdict: true, appraisal: { ...appraisal, reason: reason ?? 'malformed_evidence' } };
    } catch (error) {
      this.#options.log.warn({ err: error, service: spec.address }, 'attestation failed');
      const reason = error instanceof AttestationError ? error.reason : 'attestation_service_unreachable';
      const appraisal = { ...base, attested: false, reason, error: errorText(error), steps: [] };
      return { verdict: error instanceof AttestationError, appraisal };
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

/** Both rounds of an attestation. */
async function exchange(
  client: AttestationClient,
  maker: EvidenceMaker,
): Promise<{ steps: AppraisalStepReport[]; token: HeldToken | undefined }> {
  const { identity, context } = await maker.hello();
  const challenge = await maker.challenge(async () => {
    const first = await client.attest(identity, [encodeContext(context)], ['KMS_AUTH_JWT']);
    return decodeContextOf('challenge', first.contexts[0] ?? '');
  });
  const evidence = await maker.evidence(challenge);
  const second = await client.attest(identity, [encodeContext(evidence)], ['KMS_AUTH_JWT']);
  const { steps } = decodeContextOf('appraisal', second.contexts[0] ?? '');
  const document = second.documents.find(({ type }) => type === 'KMS_AUTH_JWT')?.document;
  return {
    steps: steps.map(reportOf),
    token: second.attested && document !== undefined ? heldToken(document) : undefined,
  };
}

/** The service is authenticated by TLS, so the claims need no signature check to be believed here. */
function heldToken(token: string): HeldToken {
  return { token, claims: kmsAuthClaims.parse(decodeJwt(token)) };
}

function reportOf(step: {
  readonly name: string;
  readonly status: string;
  readonly reason?: string | undefined;
  readonly expected?: string | undefined;
  readonly actual?: string | undefined;
  readonly remedy?: string | undefined;
}): AppraisalStepReport {
  const { name, status, reason, expected, actual, remedy } = step;
  return {
    name,
    status,
    ...(reason !== undefined && { reason }),
    ...(expected !== undefined && { expected }),
    ...(actual !== undefined && { actual }),
    ...(remedy !== undefined && { remedy }),
  };
}

function messageOf(appraisal: ServiceAppraisal | undefined): string {
  if (!appraisal) return '';
  if (appraisal.error !== undefined) return appraisal.error;
  const failed = appraisal.steps.find(({ status }) => status === 'failed');
  return `${appraisal.service}: ${appraisal.reason ?? 'not attested'}${failed ? ` at ${failed.name}` : ''}. ${failed?.remedy ?? ''}`.trim();
}

function isoOf(epochSeconds: number): string {
  return new Date(epochSeconds * 1000).toISOString();
}
