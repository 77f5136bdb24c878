import { join } from 'node:path';

import { createContext } from '../../core/context.js';
import { makePrivateDir } from '../../core/data-dir.js';
import { systemRng } from '../../core/rng.js';
import { HostStore } from '../../host-agent/store.js';
import type { TpmVendor } from '../../host-agent/tpm/index.js';
import { TpmEvidenceMaker } from '../../host-agent/trust/evidence.js';
import { HostKey } from '../../host-agent/trust/host-key.js';
import { HostTpm } from '../../host-agent/trust/host-tpm.js';
import { AttestationClient } from '../../trust-authority/client.js';
import type { TrustAuthorityClientOptions } from '../../trust-authority/rest-client.js';
import { decodeContextOf, encodeContext } from '../../wire/attestation/index.js';
import type { AttestIdentity, AttestResult, DocumentType } from '../../wire/attestation/index.js';
import { presetBaseImage } from '../../wire/esx-image/index.js';
import type { AttestationMessages } from './messages.js';

/** Both documents. */
export const TYPES = ['KMS_AUTH_JWT', 'REPORTING_JWT'] as const satisfies readonly DocumentType[];

/** What the hosts of a benchmark are made with. */
export interface BenchHostOptions {
  /** An empty directory for all of them. */
  readonly directory: string;
  readonly vendor: TpmVendor;
  readonly client: TrustAuthorityClientOptions & {
    readonly clientCertificate: { readonly certificatePem: string; readonly privateKeyPem: string };
  };
}

/** A booted host with a software TPM, P-256 endorsement and attestation keys, and a connection of its own. */
export class BenchHost {
  readonly #tpm: HostTpm;
  readonly #store: HostStore;
  /** Makes what the host sends. */
  readonly evidence: TpmEvidenceMaker;
  /** As the host. */
  readonly client: AttestationClient;

  private constructor(tpm: HostTpm, store: HostStore, evidence: TpmEvidenceMaker, client: AttestationClient) {
    this.#tpm = tpm;
    this.#store = store;
    this.evidence = evidence;
    this.client = client;
  }

  /** Makes a TPM, and boots. */
  static async boot(id: string, { directory, vendor, client }: BenchHostOptions): Promise<BenchHost> {
    const dataDir = await makePrivateDir(join(directory, id));
    const store = await HostStore.open(dataDir, systemRng);
    const tpm = await HostTpm.open({
      context: createContext({ dataDir }),
      store,
      parts: { tpmVendor: vendor },
      kind: 'software',
      ekAlgorithm: 'p256',
      faultNames: [],
    });
    await tpm.boot({ image: presetBaseImage('8.0.3'), secureBoot: true });
    const hostKey = HostKey.generate();
    const { certificatePem } = client.clientCertificate;
    const evidence = new TpmEvidenceMaker({ hostId: id, tpm, hostKey: () => hostKey, certificatePem });
    return new BenchHost(tpm, store, evidence, new AttestationClient(client));
  }

  /** Both rounds, for both documents. @throws Error if the host is not attested */
  async attest(): Promise<AttestationMessages> {
    const { identity, context } = await this.evidence.hello();
    const hello = [encodeContext(context)];
    const first = await this.client.attest(identity, hello, TYPES);
    const challenge = decodeContextOf('challenge', first.contexts[0] ?? '');
    const evidence = [encodeContext(await this.evidence.evidence(challenge))];
    const second = await this.client.attest(identity, evidence, TYPES);
    const token = second.documents.find(({ type }) => type === 'KMS_AUTH_JWT')?.document;
    if (!second.attested || second.documents.length !== TYPES.length || token === undefined) {
      throw new Error(`a good host was not attested: ${second.contexts[0] ?? ''}`);
    }
    return {
      get rounds() {
        return [roundOf(identity, hello, first), roundOf(identity, evidence, second)];
      },
      token,
    };
  }

  async close(): Promise<void> {
    await this.client.close();
    await this.#tpm.close();
    await this.#store.close();
  }
}

function roundOf(
  identity: AttestIdentity,
  contexts: readonly string[],
  answer: AttestResult,
): AttestationMessages['rounds'][number] {
  return { request: JSON.stringify({ identity, contexts, types: TYPES }), answer: JSON.stringify(answer) };
}
