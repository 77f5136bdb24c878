import type { ServiceStatus } from '../rest-client.js';
import type { AttestationConfiguration } from './configuration.js';

type Detail = ServiceStatus['details'][number];

/** Health of an attestation service: a warning where no host could attest, or any TPM would. */
export function attestationStatus(configuration: AttestationConfiguration): ServiceStatus {
  const { settings } = configuration;
  const details: Detail[] = [];
  const warn = (id: string, text: string): void => {
    details.push({ id: `kpsim.attestation.status.${id}`, default_message: text, args: [] });
  };
  if (configuration.baseImages.list().length === 0) {
    warn('no_base_image', 'No base image is trusted, so no host can attest. Import a boot_imgdb.tgz.');
  }
  if (settings.require_certificate_validation && configuration.anchors.length === 0) {
    warn('no_ca_certificate', 'Certificates must be validated, but no CA certificate is imported.');
  }
  if (settings.require_endorsement_keys && configuration.registeredKeys.size === 0) {
    warn('no_endorsement_key', 'Endorsement keys must be registered, but none is.');
  }
  if (!settings.require_certificate_validation && !settings.require_endorsement_keys) {
    warn('any_tpm', 'Neither certificates nor registration are required: any TPM is accepted.');
  }
  return { health: details.length === 0 ? 'OK' : 'WARNING', details };
}
