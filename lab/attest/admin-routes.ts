import type { Express, Request } from 'express';

import * as z from 'zod';

import { didYouMean } from '../../core/config/nearest.js';
import { VapiError, validate } from '../../core/http/index.js';
import type { AttestationInfo } from '../../host-agent/client.js';
import { EVIDENCE_FAULTS } from '../../host-agent/index.js';
import { SCENARIO_NAMES } from '../../wire/attestation/index.js';
import type { LabHost } from '../services/host.js';
import { faultList, scenarioList } from './listing.js';

/**
 * Attestation failures on the admin listener of a lab:
 *
 * - `GET /attestation/scenarios` the catalogue, as `kpsim attest faults` lists it
 * - `GET /attestation/faults` the evidence faults that a host can have
 * - `GET /attestation/hosts` which of them each host has
 * - `GET /attestation/hosts/{host}/faults` those that are set, and those of the running boot
 * - `POST /attestation/hosts/{host}?action=reboot` restarts it; how it stands then
 * - `POST /attestation/hosts/{host}?action=attest` attests now; the verdict
 * - `POST /attestation/hosts/{host}/explain` attests once, and tells every step, PCR and event
 * - `PUT /attestation/hosts/{host}/faults/{fault}` injects one; a warning if the host attests to nobody
 * - `DELETE /attestation/hosts/{host}/faults[/{fault}]` clears one, or all
 *
 * @param hosts the hosts of the lab, which may still be starting
 */
export function attestationRoutes(app: Express, hosts: () => readonly LabHost[]): void {
  const hostOf = ({ params }: Request<{ host: string }>): LabHost => {
    const found = hosts().find(({ name }) => name === params.host);
    if (found) return found;
    throw new VapiError('NOT_FOUND', 'The lab has no such host; GET /attestation/hosts lists them.');
  };
  app.get('/attestation/scenarios', (_request, response) => void response.json(scenarioList()));
  app.get('/attestation/faults', (_request, response) => void response.json(faultList()));
  app.get('/attestation/hosts', async (_request, response) => {
    const rows = hosts().map(async (host) => ({ host: host.name, ...(await faultsOrNone(host)) }));
    response.json(await Promise.all(rows));
  });
  app.get('/attestation/hosts/:host/faults', async (request, response) => {
    response.json(await faultsOf(hostOf(request)));
  });
  app.post('/attestation/hosts/:host', async (request, response) => {
    const host = hostOf(request);
    const { action } = validate(actionSchema, request.query, 'The query');
    response.json(await ACTIONS[action](host));
  });
  app.post('/attestation/hosts/:host/explain', async (request, response) => {
    response.json(await (await hostOf(request).client()).explainAttestation());
  });
  app.put('/attestation/hosts/:host/faults/:fault', async (request, response) => {
    const host = hostOf(request);
    const name = faultNamed(request.params.fault);
    const bites = await host.injectEvidenceFault(name);
    response.json({ ...(await faultsOf(host)), bites, ...(await warningFor(host)) });
  });
  app.delete('/attestation/hosts/:host/faults{/:fault}', async (request, response) => {
    const host = hostOf(request);
    const { fault } = request.params;
    const bites = await host.clearEvidenceFaults(fault === undefined ? undefined : faultNamed(fault));
    response.json({ ...(await faultsOf(host)), bites });
  });
}

/** What can be done with a host, and what is told of it then. */
const ACTIONS = {
  reboot: async (host: LabHost): Promise<Verdict> => {
    await host.reboot();
    return { host: host.name, ...(await (await host.client()).attestationInfo()) };
  },
  attest: async (host: LabHost): Promise<Verdict> => {
    const { info, appraisals } = await host.attest();
    const reason = appraisals.find(({ attested }) => !attested)?.reason;
    return { host: host.name, ...info, ...(reason !== undefined && { reason }) };
  },
};

const actionSchema = z.strictObject({ action: z.enum(['reboot', 'attest']) });

/** How a host stands, and the reason code of the appraisal that it failed. */
interface Verdict extends AttestationInfo {
  readonly host: string;
  readonly reason?: string;
}

/** Faults of a host. */
interface HostFaults {
  /** Set now. */
  readonly faults: readonly string[];
  /** Of the running boot: what was cleared since is among them until the host reboots. */
  readonly runningBoot: readonly string[];
}

async function faultsOf(host: LabHost): Promise<HostFaults> {
  return { faults: await host.evidenceFaults(), runningBoot: await host.bootFaults() };
}

/** A host that attests to nobody shows no fault; that may be meant, as services can be given to it later. */
async function warningFor(host: LabHost): Promise<{ readonly warning?: string }> {
  const { attestation } = await (await host.client()).trustedServices();
  if (attestation.length > 0) return {};
  return {
    warning: `${host.name} has no attestation service, so the fault has no effect: put the host into a cluster with trustAuthority.`,
  };
}

/** Hosts without a TPM have no evidence that could be broken. */
async function faultsOrNone(host: LabHost): Promise<HostFaults> {
  return host.hasTpm ? faultsOf(host) : { faults: [], runningBoot: [] };
}

/** @throws VapiError `NOT_FOUND` */
function faultNamed(name: string): string {
  const known = EVIDENCE_FAULTS.map((row) => row.name);
  if (known.includes(name)) return name;
  throw new VapiError(
    'NOT_FOUND',
    SCENARIO_NAMES.some((scenario) => scenario === name)
      ? `${name} is no fault of a host but a scenario: kpsim attest run ${name} plays it. GET /attestation/faults lists what hosts can have.`
      : `There is no such evidence fault${didYouMean(name, known)} GET /attestation/faults lists them.`,
  );
}
