import { standaloneNativeKp } from '../../lab/standalone/native-kp.js';
import { serviceCommand } from '../serve.js';

/** `kpsim native-kp`. */
export const nativeKp = serviceCommand(standaloneNativeKp, {
  description: `Starts the Native Key Provider service of one vCenter and runs until it is stopped: key derivation keys,
their PKCS#12 backups, and the push of keys to hosts.

In a vCenter it stands behind the front door, which checks sessions and privileges and tells them in the headers
x-kpsim-user and x-kpsim-privileges; so it lets in one client only, the front door. kpsim vcenter starts both.`,
  examples: `
kpsim native-kp --data ./nkp --port 9443

# a new provider, as the front door would ask for it
curl --cacert ./nkp/pki/ca.pem --cert ./nkp/pki/issued/vcenter/certificate.pem \\
  --key ./nkp/pki/issued/vcenter/key.pem \\
  -H 'x-kpsim-user: admin' -H 'x-kpsim-privileges: Cryptographer.ManageKeyServers' \\
  -H 'content-type: application/json' -d '{"provider": "nkp-1"}' \\
  https://127.0.0.1:9443/api/vcenter/crypto-manager/kms/providers`,
});
