import { EVIDENCE_FAULTS } from '../../../host-agent/boot/index.js';
import type { StageHost } from '../stage-host.js';
import type { Stage } from '../stage.js';
import { passTime } from '../play.js';
import type { Mend, Play } from '../play.js';

/** What some faults need around them so that they can be found. */
interface Arrangement {
  /** What the services demand besides. */
  readonly demand?: (stage: Stage, mend: Mend) => Promise<void>;
  /** A fault of the TPM's making that only tells if the host attested with another TPM before. */
  readonly laterTpm?: true;
  /** The fault plays back something of an honest attestation, which has to come first. */
  readonly afterHonest?: true;
  /** What happens to the clock after that attestation. */
  readonly laterMs?: number;
}

const ARRANGEMENTS: Readonly<Record<string, Arrangement>> = {
  'ek-not-registered': { demand: registration },
  'tpm-replaced': { laterTpm: true },
  'nonce-reused': { afterHonest: true },
  'challenge-expired': { afterHonest: true, laterMs: 61_000 },
  'tpm-snapshot-restored': { afterHonest: true },
};

/**
 * A host with an evidence fault. What breaks the making of a TPM is there from the first boot on; everything else is
 * injected into a host that has just attested, so that nothing but the fault can be the cause.
 */
export function hostPlay(fault: string): Play {
  const arrangement = ARRANGEMENTS[fault] ?? {};
  return async (stage, mend) => {
    await arrangement.demand?.(stage, mend);
    const host = await brokenHost(stage, fault, arrangement);
    mend(() => stage.shutDown(host));
    if (arrangement.afterHonest) await host.mustAttest();
    if (arrangement.laterMs !== undefined) passTime(stage, mend, arrangement.laterMs);
    return { attempt: () => host.attest() };
  };
}

async function brokenHost(stage: Stage, fault: string, { laterTpm }: Arrangement): Promise<StageHost> {
  const row = EVIDENCE_FAULTS.find(({ name }) => name === fault);
  if (row?.stage === 'manufacture' && !laterTpm) return stage.bootHost([fault]);
  const host = await stage.bootHost();
  try {
    await host.mustAttest();
    await host.inject(fault);
    return host;
  } catch (error) {
    await stage.shutDown(host);
    throw error;
  }
}

/** Only registered endorsement keys pass, of which there is one: that of the honest host, which still passes. */
async function registration(stage: Stage, mend: Mend): Promise<void> {
  const honest = await stage.honestHost();
  const public_key = await honest.endorsementKeyPem();
  for (const authority of [stage.first, stage.second]) {
    const { settings, endorsementKeys } = await authority.attestation();
    await endorsementKeys.create({ name: 'honest', public_key });
    mend(() => endorsementKeys.delete('honest'));
    await settings.update({ require_endorsement_keys: true });
    mend(() => settings.update({ require_endorsement_keys: false }));
  }
  await honest.mustAttest();
}
