/** Clients of the two services of a Trust Authority cluster; all that other services may import from here. */
export { AttestationClient } from './attestation/client.js';
export type {
  AttestationSettings,
  BaseImageSummary,
  CaCertificateInfo,
  EndorsementKeyInfo,
  KnownHost,
} from './attestation/client.js';
export type { ClusterMember, ClusterState, MemberState } from './cluster/members.js';
export { KeyProviderServiceClient } from './kps/client.js';
export type {
  AttestationServiceInfo,
  ConsumerPrincipalInfo,
  GeneratedKey,
  KeyRequestTokens,
  KeyServerStatus,
  KmsProviderInfo,
  KmsProviderCreateSpec,
  KmsProviderStatus,
  KmsProviderUpdateSpec,
  ReleasedKey,
  RemoteServerCertificate,
} from './kps/client.js';
export { signPrincipalToken } from './principal-signer.js';
export type { PrincipalSigner, PrincipalTokenRequest } from './principal-signer.js';
export type { AppliedConfiguration, ServiceStatus, TrustAuthorityClientOptions } from './rest-client.js';
