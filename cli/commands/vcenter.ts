import { standaloneVcenter } from '../../lab/standalone/vcenter.js';
import { serviceCommand } from '../serve.js';

/** `kpsim vcenter`. */
export const vcenter = serviceCommand(standaloneVcenter, {
  description: `Starts a vCenter and runs until it is stopped: inventory, key providers, users and privileges, migration
rules and tasks, over VI/JSON and the vSphere Automation REST API. Behind its front door it starts a native key
provider service, unless it is given the address of one.

Without users of your own there is administrator@vsphere.local, whose password is in a file of the data directory.
Hosts are added by the API (AddStandaloneHost_Task, AddHost_Task); they must trust the vCenter's certificate, so
give both the same authority with --tls-…, or let kpsim up start them together.`,
  examples: `
kpsim vcenter --data ./vc --port 8443

# a session, then the key providers
SESSION=$(curl -s --cacert ./vc/pki/ca.pem -X POST \\
  -u "administrator@vsphere.local:$(cat ./vc/administrator-password)" https://127.0.0.1:8443/api/session | tr -d '"')
curl --cacert ./vc/pki/ca.pem -H "vmware-api-session-id: $SESSION" \\
  https://127.0.0.1:8443/api/vcenter/crypto-manager/kms/providers`,
});
