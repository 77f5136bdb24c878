import { standaloneKms } from '../../lab/standalone/kms.js';
import { serviceCommand } from '../serve.js';

/** `kpsim kms`. */
export const kms = serviceCommand(standaloneKms, {
  description: `Starts a KMIP key server (KMIP 1.0 to 2.1; TTLV over mutual TLS, and XML, JSON
and TTLV over HTTPS if it is given a port for that) and runs until it is stopped.

Without certificates of your own it makes a certificate authority in its data directory, and a client
certificate that KMIP clients can use at once; their paths are printed. Keys are kept in the data directory,
encrypted. It is a test server: its keys protect nothing real.`,
  examples: `
# any free port, everything temporary
kpsim kms --port 0

# KMIP in XML and JSON as well, over HTTPS
kpsim kms --port 0 --https-port 0

# keep keys and certificates, and give a client of yours a certificate
kpsim kms --data ./kms-data
kpsim certs --data ./kms-data --name my-client

# a file for users, pinned clients and limits:  credentials: [{ username: vc, password: "…" }]
kpsim kms --config kms.yaml`,
});
