import type { ClientIdentity, PendingRequest } from './client-identity.js';

/** One KMIP server of a standard key provider. */
export interface KmipServerRecord {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly userName?: string | undefined;
  readonly password?: string | undefined;
  /** Milliseconds. */
  readonly timeoutMs?: number | undefined;
}

/** What a vCenter keeps, sealed, of a standard key provider. */
export interface StandardProviderRecord {
  readonly servers: readonly KmipServerRecord[];
  /** Certificates of servers, or of their authorities, that are trusted; PEM. */
  readonly trustedCertificates: readonly string[];
  readonly identity: ClientIdentity;
  /** A self-signed certificate made but not yet taken into use. */
  readonly pendingSelfSigned?: ClientIdentity | undefined;
  readonly pendingRequest?: PendingRequest | undefined;
}
