import { ATTESTATION_FAULT_NAMES, standaloneHostAgent } from '../../lab/standalone/host-agent.js';
import { serviceCommand } from '../serve.js';

/** `kpsim host-agent`. */
export const hostAgent = serviceCommand(standaloneHostAgent, {
  description: `Starts an ESXi-like host and runs until it is stopped: crypto mode, key cache, a TPM 2.0 with measured
boot, virtual machines with encrypted disks, and a vMotion listener.

Its management interface takes client certificates only. Without certificates of your own it makes an authority
in its data directory, and a certificate for an administrator; their paths are printed.

With attestationFaults in the file its boot and its evidence are broken in a way that an attestation service must
find: ${ATTESTATION_FAULT_NAMES.join(', ')}.`,
  examples: `
# a host with VMs in a directory of yours
kpsim host-agent --name esx-1 --data ./esx-1

# who it is and how it stands
curl --cacert ./esx-1/pki/ca.pem --cert ./esx-1/pki/issued/admin/certificate.pem \\
  --key ./esx-1/pki/issued/admin/key.pem https://127.0.0.1:PORT/api/kpsim/host/about

# an old host, without a TPM
kpsim host-agent --version 6.0.0 --tpm none`,
});
