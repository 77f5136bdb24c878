import type { VapiOperation } from '../vapi/operation.js';
import type { Vcenter } from '../vcenter.js';
import { attestationSettingsOperations } from './attestation-settings.js';
import { baseImageOperations } from './base-images.js';
import { caCertificateOperations } from './ca-certificates.js';
import { consumerPrincipalOperations } from './consumer-principals.js';
import { endorsementKeyOperations } from './endorsement-keys.js';
import { hostTpmOperations } from './host-tpm.js';
import { kmsClientCertificateOperations } from './kms-client-certificate.js';
import { kmsPeerCertificateOperations } from './kms-peer-certificates.js';
import { kmsProviderOperations } from './kms-providers.js';
import { principalOperations } from './principal.js';
import { serviceStatusOperations } from './service-status.js';
import { appliedConfigOperations } from './services-applied-config.js';
import { serviceOperations } from './services.js';
import { trustAuthorityClusterOperations } from './trust-authority-clusters.js';
import { trustAuthorityHostOperations } from './trust-authority-hosts.js';
import { trustedClusterServiceOperations } from './trusted-cluster-services.js';

/** All operations of `/api/vcenter/trusted-infrastructure`, one maker a family of resources. */
export function trustedInfrastructureOperations(vcenter: Vcenter): readonly VapiOperation[] {
  return [
    principalOperations,
    trustAuthorityClusterOperations,
    attestationSettingsOperations,
    caCertificateOperations,
    endorsementKeyOperations,
    baseImageOperations,
    serviceStatusOperations,
    kmsProviderOperations,
    kmsClientCertificateOperations,
    kmsPeerCertificateOperations,
    consumerPrincipalOperations,
    trustAuthorityHostOperations,
    serviceOperations,
    trustedClusterServiceOperations,
    appliedConfigOperations,
    hostTpmOperations,
  ].flatMap((operationsOf) => operationsOf(vcenter));
}
