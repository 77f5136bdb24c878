import { KpsimError } from '../../../core/errors.js';
import { AttestationClient, KeyProviderServiceClient } from '../../../trust-authority/client.js';
import { EXCHANGE_LIMITS, activationProof } from '../../../wire/attestation/index.js';
import type { AttestResult, EvidenceContext } from '../../../wire/attestation/index.js';
import { askChallenge, observedResult, sendEvidence } from '../exchange.js';
import type { Challenged } from '../exchange.js';
import { PASSED, observedCall, statusOfRefusal } from '../observed.js';
import type { Mend, Play } from '../play.js';
import { STAGE_PROVIDER } from '../stage.js';
import type { Stage } from '../stage.js';

/** Challenges that are compared with each other. */
const CHALLENGES = 64;
const UNAUTHENTICATED_STATUS = 401;

/** Takes every base image from the attestation services, which get theirs back in the end. */
export async function withoutBaseImages(stage: Stage, mend: Mend): Promise<void> {
  for (const authority of [stage.first, stage.second]) {
    const { baseImages } = await authority.attestation();
    for (const { image } of await baseImages.list()) await baseImages.delete(image);
    mend(async () => {
      await stage.trustImage(authority);
    });
  }
}

/** The service has checked each claim of this play, or the play ends here. @throws KpsimError `claim_broken` */
function claimed(holds: boolean, what: string): void {
  if (!holds) throw new KpsimError('claim_broken', what);
}

/** A wrong proof whose right one, and the secret under it, are known here; neither is to be in the answer. */
const activationAnswerTellsNothing: Play = async (stage, mend) => {
  const host = await stage.bootHost();
  mend(() => stage.shutDown(host));
  const client = host.attestationClient(stage.first);
  return {
    attempt: async () => {
      const challenged = await askChallenge(client, host.evidence);
      const secret = await host.openCredential(challenged.challenge);
      const evidence = await host.evidence.evidence(challenged.challenge);
      const proof = rightProof(secret, evidence);
      claimed(
        proof.toString('base64') === evidence.activationProof,
        'The secret is not the one of the host.',
      );
      const spoiled = { ...evidence, activationProof: flipped(proof).toString('base64') };
      const answer = await sendEvidence(client, challenged, spoiled);
      const seen = observedResult(answer);
      claimed(
        seen.outcome === 'refused' && seen.reason === 'credential_activation_failed',
        'A wrong proof of activation was not refused as one.',
      );
      for (const hidden of [secret, proof]) {
        claimed(!tells(answer, hidden), 'The answer to a wrong proof tells the secret or the right proof.');
      }
      return PASSED;
    },
  };
};

function rightProof(secret: Buffer, { attest, signature, eventLog }: EvidenceContext): Buffer {
  return activationProof({
    secret,
    attest: Buffer.from(attest, 'base64'),
    signature: Buffer.from(signature, 'base64'),
    eventLog: Buffer.from(eventLog, 'base64'),
  });
}

function flipped(proof: Buffer): Buffer {
  const copy = Buffer.from(proof);
  copy.writeUInt8(copy.readUInt8(0) ^ 1, 0);
  return copy;
}

/** Whether an answer holds a value in any of the forms in which it could be written, also within its contexts. */
function tells(answer: AttestResult, value: Buffer): boolean {
  const contexts = answer.contexts.map((context) => Buffer.from(context, 'base64'));
  const texts = [JSON.stringify(answer), ...contexts.map((context) => context.toString('latin1'))].join('\n');
  const forms = (['hex', 'base64', 'base64url', 'latin1'] as const).map((form) => value.toString(form));
  // Half of it would be as bad.
  return forms.some((form) => texts.toLowerCase().includes(form.slice(0, form.length / 2).toLowerCase()));
}

/** Every challenge is one of its own: nonce, credential and sealed state. */
const challengesUnique: Play = async (stage) => {
  const host = await stage.honestHost();
  const client = host.attestationClient(stage.first);
  return {
    attempt: async () => {
      const seen: Challenged['challenge'][] = [];
      while (seen.length < CHALLENGES) seen.push((await askChallenge(client, host.evidence)).challenge);
      for (const part of ['nonce', 'idObject', 'encryptedSecret', 'state'] as const) {
        const values = new Set(seen.map((challenge) => challenge[part]));
        claimed(values.size === CHALLENGES, `Two of ${CHALLENGES} challenges have the same ${part}.`);
      }
      const short = seen.some(
        ({ nonce }) => Buffer.from(nonce, 'base64').length !== EXCHANGE_LIMITS.nonceBytes,
      );
      claimed(!short, 'A nonce is shorter than it should be.');
      return PASSED;
    },
  };
};

/** Administration without a client certificate, of both services, which must answer alike: 401 and nothing done. */
const administrationWithoutCertificate: Play = async (stage, mend) => {
  const options = { caPem: stage.ground.certificates.caPem };
  const attestation = new AttestationClient({ ...options, baseUrl: stage.first.attestationEndpoint.url });
  mend(() => attestation.close());
  const { keyProviderEndpoint } = stage.keyProviderService;
  const kms = new KeyProviderServiceClient({ ...options, baseUrl: keyProviderEndpoint.url });
  mend(() => kms.close());
  const administrator = await stage.first.attestation();
  const before = await administrator.rawConfig();
  const calls: readonly (() => Promise<unknown>)[] = [
    () => attestation.settings.update({ require_certificate_validation: false }),
    () => attestation.endorsementKeys.list(),
    () => attestation.certificate.createCsr(),
    () => attestation.rawConfig(),
    () => kms.providers.list(),
    () => kms.providers.delete(STAGE_PROVIDER),
  ];
  return {
    attempt: async () => {
      let seen = PASSED;
      for (const call of calls) {
        seen = await observedCall(() => call().catch(demandUnauthenticated));
        if (seen.outcome === 'passes') return seen;
      }
      const after = await administrator.rawConfig();
      claimed(after.fingerprint === before.fingerprint, 'A refused call changed the configuration.');
      return seen;
    },
  };
};

function demandUnauthenticated(error: unknown): never {
  const status = statusOfRefusal(error);
  claimed(status === UNAUTHENTICATED_STATUS, `A call without a certificate was answered ${String(status)}.`);
  throw error;
}

/** Scenarios of the attestation service and its administration. */
export const SERVICE_PLAYS = {
  'ca-chain-wrong-order': async (stage) => {
    const { caCertificates } = await stage.first.attestation();
    const { root, issuing } = stage.vendor;
    const chain = { cert_chain: [issuing.caPem, root.caPem] };
    return {
      attempt: () => observedCall(() => caCertificates.create({ name: 'upside-down', cert_chain: chain })),
    };
  },
  'activation-answer-tells-nothing': activationAnswerTellsNothing,
  'challenges-unique': challengesUnique,
  'base-image-removed': async (stage, mend) => {
    const host = await stage.honestHost();
    await withoutBaseImages(stage, mend);
    return { attempt: () => host.attest() };
  },
  'evidence-of-another-host': async (stage, mend) => {
    const [thief, victim] = [await stage.bootHost(), await stage.honestHost()];
    mend(() => stage.shutDown(thief));
    const [stolen, own] = [thief, victim].map((host) => host.attestationClient(stage.first));
    return {
      attempt: async () => {
        if (!stolen || !own) throw new Error('two hosts have two connections');
        const challenged = await askChallenge(own, victim.evidence);
        const evidence = await victim.evidence.evidence(challenged.challenge);
        return observedResult(await sendEvidence(stolen, challenged, evidence));
      },
    };
  },
  'administration-without-certificate': administrationWithoutCertificate,
} as const satisfies Record<string, Play>;
