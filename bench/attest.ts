/**
 * Attestation, key release and the boot of a host, against what must hold and against the messages alone. Hosts and
 * services are processes of their own; the floors are of processor time, as one core would have it.
 *
 * `npm run bench:attest -- [--quick] [--only attestation,release,boot]`; exit code 1 if a floor is not met.
 */
import { attestationRows } from './attest/attestation.js';
import { bootRows } from './attest/boot.js';
import { releaseRows } from './attest/release.js';
import { runParts } from './kmip/parts.js';

await runParts('attest', { attestation: attestationRows, release: releaseRows, boot: bootRows });
