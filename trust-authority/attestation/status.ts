import type { ServiceStatus } from '../rest-client.js';
import type { Peer } from './cluster/peer.js';
import type { AttestationConfiguration } from './configuration.js';

type Health = ServiceStatus['health'];

interface Finding {
  readonly health: Health;
  readonly id: string;
  readonly text: string;
  readonly args?: readonly string[];
}

const ORDER: readonly Health[] = ['NONE', 'OK', 'WARNING', 'ERROR'];
/** Host ids that are named of those that members know with different TPMs. */
const NAMED_HOSTS = 8;

/**
 * Health of an attestation service: a warning where no host could attest, any TPM would, or a member of the cluster
 * is down; an error where the members are not configured alike.
 */
export function attestationStatus(
  configuration: AttestationConfiguration,
  peers: readonly Peer[],
): ServiceStatus {
  const findings = [...configurationFindings(configuration), ...peers.flatMap(peerFindings)];
  const worst = Math.max(ORDER.indexOf('OK'), ...findings.map(({ health }) => ORDER.indexOf(health)));
  return {
    health: ORDER[worst] ?? 'ERROR',
    details: findings.map(({ id, text, args = [] }) => ({
      id: `kpsim.attestation.status.${id}`,
      default_message: text,
      args,
    })),
  };
}

function* configurationFindings(configuration: AttestationConfiguration): Generator<Finding> {
  const { settings } = configuration;
  const warn = (id: string, text: string): Finding => ({ health: 'WARNING', id, text });
  if (configuration.baseImages.list().length === 0) {
    yield warn('no_base_image', 'No base image is trusted, so no host can attest. Import a boot_imgdb.tgz.');
  }
  if (settings.require_certificate_validation && configuration.anchors.size === 0) {
    yield warn('no_ca_certificate', 'Certificates must be validated, but no CA certificate is imported.');
  }
  if (settings.require_endorsement_keys && configuration.registeredKeys.size === 0) {
    yield warn('no_endorsement_key', 'Endorsement keys must be registered, but none is.');
  }
  if (!settings.require_certificate_validation && !settings.require_endorsement_keys) {
    yield warn('any_tpm', 'Neither certificates nor registration are required: any TPM is accepted.');
  }
}

function peerFindings({ url, state, differences, conflicts }: Peer): Finding[] {
  const findings: Finding[] = [];
  if (!state) {
    findings.push({
      health: 'WARNING',
      id: 'member_unreachable',
      text: `The attestation service ${url} cannot be reached. Attestation goes on; start it, or take it out of the member list.`,
      args: [url],
    });
  }
  if (differences.length > 0) {
    findings.push({
      health: 'ERROR',
      id: 'configuration_diverged',
      text: `The attestation service ${url} is configured differently (${differences.join('. ')}). PUT the raw-config of the one that is right to the other.`,
      args: [url, ...differences],
    });
  }
  if (conflicts.size > 0) {
    const hosts = [...conflicts].slice(0, NAMED_HOSTS);
    findings.push({
      health: 'ERROR',
      id: 'known_hosts_diverged',
      text: `The attestation service ${url} knows ${conflicts.size} hosts with another TPM: ${hosts.join(', ')}. Find out which TPM is right, and forget the hosts.`,
      args: [url, ...hosts],
    });
  }
  return findings;
}
