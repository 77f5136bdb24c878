import type { Row } from '../kmip/report.js';
import { compare } from '../kmip/rounds.js';
import type { SideResult } from '../kmip/rounds.js';
import type { Setting } from '../kmip/setting.js';
import { HOSTS, hostsOn, startHosts } from './hosts.js';
import { unpackMessages } from './messages.js';
import { startBare, startTrustAuthority } from './servers.js';

/** Attestations a second of one core that does the work of both ends. */
const FLOOR = 200;

/**
 * Whole attestations: hello and challenge, credential activation, quote, appraisal, both documents. Hosts and service
 * are a process each; the limit is the same messages without what is in them.
 */
export async function attestationRows(setting: Setting): Promise<readonly Row[]> {
  const { directory, certificates, quick } = setting;
  const service = await startTrustAuthority(directory, certificates.server);
  const hosts = startHosts();
  try {
    await hostsOn(hosts, setting, 'service', service.attestationPort);
    const { sample } = await hosts.measure('service', { requests: [], milliseconds: 0 });
    const { rounds } = unpackMessages(sample);
    const bare = await startBare(
      directory,
      rounds.map(({ answer }) => answer),
      certificates.server,
    );
    try {
      await hostsOn(hosts, setting, 'bare', bare.port);
      const result = await compare(
        hosts,
        { target: 'service', server: service.server, requests: [] },
        { target: 'bare', server: bare.server, requests: rounds.map(({ request }) => Buffer.from(request)) },
        quick ? { rounds: 3, roundMs: 2000, warmUpMs: 3000 } : { rounds: 9, roundMs: 3000, warmUpMs: 15_000 },
      );
      const perCore = 1e6 / bothEnds(result.left);
      const limit = 1e6 / bothEnds(result.right);
      const sizes = rounds.map(({ request, answer }) => `${request.length} → ${answer.length}`).join(', ');
      return [
        {
          what: `attestation, software TPM, P-256, one core for ${HOSTS} hosts and the service`,
          measured: `${perCore.toFixed(0)}/s (${shares(result.left)}); measured ${wall(result.left)}`,
          floor: `≥ ${FLOOR}/s`,
          holds: perCore >= FLOOR,
          details: result,
        },
        {
          what: `attestation, the service's core alone`,
          measured: `${(1e6 / (result.left.cpuMicroseconds ?? NaN)).toFixed(0)}/s`,
          holds: undefined,
        },
        {
          what: `attestation against two bare HTTPS exchanges of the same sizes (${sizes} bytes), one core`,
          measured: `${perCore.toFixed(0)}/s against ${limit.toFixed(0)}/s (${shares(result.right)})`,
          ratio: perCore / limit,
          holds: undefined,
        },
      ];
    } finally {
      await hosts.disconnect('bare');
      await bare.server.stop();
    }
  } finally {
    await hosts.disconnect('service');
    await hosts.close();
    await service.server.stop();
  }
}

/** Processor time of one attestation at both ends, in microseconds; NaN where the system does not tell. */
function bothEnds({ cpuMicroseconds, loadCpuMicroseconds }: SideResult): number {
  return (cpuMicroseconds ?? NaN) + loadCpuMicroseconds;
}

function shares({ cpuMicroseconds, loadCpuMicroseconds }: SideResult): string {
  return `${((cpuMicroseconds ?? NaN) / 1000).toFixed(2)} ms at the service, ${(loadCpuMicroseconds / 1000).toFixed(2)} ms at the hosts`;
}

function wall({ requestsPerSecond, p50Ms, p99Ms }: SideResult): string {
  return `${requestsPerSecond.toFixed(0)}/s, p50 ${p50Ms.toFixed(0)} ms, p99 ${p99Ms.toFixed(0)} ms`;
}
