import { standaloneTrustAuthority } from '../../lab/standalone/trust-authority.js';
import { serviceCommand } from '../serve.js';

/** `kpsim trust-authority`. */
export const trustAuthority = serviceCommand(standaloneTrustAuthority, {
  description: `Starts the two services of a vSphere Trust Authority cluster and runs until it is stopped: the attestation
service (/api/esx/attestation) and the key provider service (/api/esx/kms), each on a port of its own.

Administration takes the client certificate of an administrator. Without certificates of your own the service makes
an authority in its data directory, and a certificate for an administrator; their paths are printed.`,
  examples: `
kpsim trust-authority --data ./ta --attestation-port 7443 --key-provider-port 7444

# what the attestation service demands of TPMs
curl --cacert ./ta/pki/ca.pem --cert ./ta/pki/issued/admin/certificate.pem \\
  --key ./ta/pki/issued/admin/key.pem https://127.0.0.1:7443/api/esx/attestation/tpm2/settings

# CAs of TPM makers, base images and providers that are there from the start: initial: in a file
kpsim trust-authority --config ta.yaml`,
});
