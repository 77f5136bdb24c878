import type { AnyFaultRow, FaultMemory, HostControls, TpmFaultStages } from '../fault-stages.js';

/** Boots after the snapshot: the restored TPM boots once, and must stay behind what the service has seen. */
const BOOTS_AHEAD = 2;
const RESTORED = 'restored';

/** Faults of the TPM's power and state, which need the device and not only its bus. */
export const POWER_FAULTS: readonly AnyFaultRow<Pick<TpmFaultStages, 'begin' | 'ask'>>[] = [
  {
    name: 'tpm-snapshot-restored',
    catalogueNumbers: [28],
    sentence:
      "The first attestation copies the TPM's state, boots twice more and is honest; the second puts the copy back, so the reset counter is lower than it was.",
    stage: 'begin',
    apply: snapshotThenRestore,
  },
  {
    name: 'reboot-during-attestation',
    catalogueNumbers: [29],
    sentence: 'The TPM is power-cycled, and a boot measured, between a challenge and the quote.',
    stage: 'ask',
    momentary: true,
    apply: async (ask, controls) => {
      const challenge = await ask();
      await controls.reboot();
      return challenge;
    },
  },
];

async function snapshotThenRestore(controls: HostControls, memory: FaultMemory): Promise<void> {
  const key = 'tpm-snapshot-restored';
  const kept = memory.get(key);
  if (kept === RESTORED) return;
  if (kept instanceof Buffer) {
    memory.set(key, RESTORED);
    await controls.restore(kept);
    kept.fill(0);
    return;
  }
  memory.set(key, await controls.snapshot());
  for (let boot = 0; boot < BOOTS_AHEAD; boot += 1) await controls.reboot();
}
