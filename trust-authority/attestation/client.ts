import { JsonText } from '../../core/http/index.js';
import { jsonWith, quoted } from '../../wire/attestation/index.js';
import type {
  AttestIdentity,
  AttestResult,
  DocumentType,
  NetworkAddress,
  X509CertChain,
} from '../../wire/attestation/index.js';
import { TrustAuthorityRestClient, segment } from '../rest-client.js';
import type { AppliedConfiguration, ServiceStatus, TrustAuthorityClientOptions } from '../rest-client.js';

/** What the attestation service demands of endorsement keys. */
export interface AttestationSettings {
  /** Only registered endorsement keys pass. */
  readonly require_endorsement_keys: boolean;
  /** Only endorsement keys with a certificate of a trusted authority pass. */
  readonly require_certificate_validation: boolean;
}

/** An authority of a TPM maker, with its chain: root first. */
export interface CaCertificateInfo {
  readonly name: string;
  readonly cert_chain: X509CertChain;
  /** Revocation lists in PEM. Own choice: vSphere has no place for them. */
  readonly crls?: readonly string[];
}

/** A registered endorsement key: either its public key or its certificate, in PEM. */
export interface EndorsementKeyInfo {
  readonly name: string;
  readonly public_key?: string;
  readonly certificate?: string;
}

/** A trusted base image. */
export interface BaseImageSummary {
  /** Its id: the digest of its manifest. */
  readonly image: string;
  readonly version: string;
  readonly display_name: string;
}

/** A host as the attestation service remembers it. Own choice. */
export interface KnownHost {
  readonly host: string;
  /** SHA-256 of the endorsement key (DER SubjectPublicKeyInfo), hex. */
  readonly endorsement_key: string;
  readonly reset_count: number;
  readonly restart_count: number;
  /** ISO 8601. */
  readonly attested_at: string;
  /** Whose client certificate it attests with: its common name. */
  readonly client?: string;
}

/** Another attestation service of the same cluster. Own choice. */
export interface ClusterMember {
  readonly address: NetworkAddress;
  /** Its TLS certificate in PEM: members know each other by it, both ways. */
  readonly certificate: string;
}

/** The other services of a cluster, as an administrator names them. Own choice. */
export interface ClusterSpec {
  readonly members: readonly ClusterMember[];
  /** Whether changes of the configuration are sent to the others; true unless told. Without, they are only compared. */
  readonly replicate?: boolean;
}

/** How another service of the cluster stands. */
export interface MemberState extends ClusterMember {
  readonly reachable: boolean;
  /** Of its configuration, as it last told. */
  readonly fingerprint?: string;
  /** `ERROR` if it is configured differently, or knows a host with another TPM. */
  readonly health: 'OK' | 'ERROR';
  /** What differs, a sentence each. */
  readonly differences: readonly string[];
}

/** A cluster as one of its services sees it. */
export interface ClusterInfo {
  readonly members: readonly MemberState[];
  readonly replicate: boolean;
  /** Of this service's own configuration. */
  readonly fingerprint: string;
}

/** Client of an attestation service, `/api/esx/attestation`. */
export class AttestationClient {
  readonly #rest: TrustAuthorityRestClient;

  constructor(options: TrustAuthorityClientOptions) {
    this.#rest = new TrustAuthorityRestClient(options, '/api/esx/attestation');
  }

  /** One round of an attestation; see `wire/attestation/exchange.ts` for the contexts. */
  attest(
    identity: AttestIdentity,
    contexts: readonly string[],
    types: readonly DocumentType[],
  ): Promise<AttestResult> {
    const json = jsonWith({ identity, types }, 'contexts', `[${contexts.map(quoted).join()}]`);
    return this.#rest.call('POST', 'report?action=attest', new JsonText(json));
  }

  readonly settings = {
    get: (): Promise<AttestationSettings> => this.#rest.get('tpm2/settings'),
    update: (settings: Partial<AttestationSettings>): Promise<void> =>
      this.#rest.tell('PATCH', 'tpm2/settings', settings),
  };

  readonly caCertificates = {
    list: (): Promise<readonly { readonly name: string }[]> => this.#rest.list('tpm2/ca-certificates'),
    get: (name: string): Promise<CaCertificateInfo> =>
      this.#rest.get(`tpm2/ca-certificates/${segment(name)}`),
    create: (spec: CaCertificateInfo): Promise<void> => this.#rest.tell('POST', 'tpm2/ca-certificates', spec),
    delete: (name: string): Promise<void> =>
      this.#rest.tell('DELETE', `tpm2/ca-certificates/${segment(name)}`),
  };

  readonly endorsementKeys = {
    list: (): Promise<readonly { readonly name: string }[]> => this.#rest.list('tpm2/endorsement-keys'),
    get: (name: string): Promise<EndorsementKeyInfo> =>
      this.#rest.get(`tpm2/endorsement-keys/${segment(name)}`),
    create: (spec: EndorsementKeyInfo): Promise<void> =>
      this.#rest.tell('POST', 'tpm2/endorsement-keys', spec),
    delete: (name: string): Promise<void> =>
      this.#rest.tell('DELETE', `tpm2/endorsement-keys/${segment(name)}`),
  };

  readonly baseImages = {
    list: (): Promise<readonly BaseImageSummary[]> => this.#rest.list('os/esx/base-images'),
    get: (image: string): Promise<BaseImageSummary> => this.#rest.get(`os/esx/base-images/${segment(image)}`),
    /** Imports the bytes of a `boot_imgdb.tgz`; returns the id of the image. */
    importFromImgdb: (bytes: Uint8Array): Promise<string> =>
      this.#rest.sendBytes('os/esx/base-images?action=import-from-imgdb', bytes),
    delete: (image: string): Promise<void> =>
      this.#rest.tell('DELETE', `os/esx/base-images/${segment(image)}`),
  };

  readonly certificate = {
    /** The certificate that documents are signed with. */
    get: (): Promise<X509CertChain> => this.#rest.get('certificate'),
    /** Replaces it by one for the pending CSR. */
    replace: (chain: X509CertChain): Promise<void> => this.#rest.tell('PUT', 'certificate', chain),
    /** Makes a new key and the CSR for it, in PEM. */
    createCsr: (): Promise<{ readonly csr: string }> => this.#rest.call('POST', 'certificate/csr'),
    /** The pending CSR, in PEM. */
    getCsr: (): Promise<{ readonly csr: string }> => this.#rest.get('certificate/csr'),
  };

  readonly hosts = {
    list: (): Promise<readonly KnownHost[]> => this.#rest.list('/api/kpsim/attestation/hosts'),
    /** Forgets a host, after its TPM was replaced or cleared on purpose. */
    forget: (host: string): Promise<void> =>
      this.#rest.tell('DELETE', `/api/kpsim/attestation/hosts/${segment(host)}`),
  };

  rawConfig(): Promise<AppliedConfiguration> {
    return this.#rest.configuration('raw-config');
  }

  /** Replaces the whole configuration by one that {@link rawConfig} of another service gave. */
  replaceRawConfig(configuration: string): Promise<void> {
    return this.#rest.tell('PUT', 'raw-config', { configuration });
  }

  readonly cluster = {
    /** The other services and how they stand, asked now. */
    get: (): Promise<ClusterInfo> => this.#rest.get('/api/kpsim/attestation/cluster'),
    /** Names the other services; none ends the cluster. */
    set: (spec: ClusterSpec): Promise<void> => this.#rest.tell('PUT', '/api/kpsim/attestation/cluster', spec),
  };

  status(): Promise<ServiceStatus> {
    return this.#rest.get('status');
  }

  /** Closes all connections. */
  close(): Promise<void> {
    return this.#rest.close();
  }
}
