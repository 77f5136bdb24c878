import type { Express, Request } from 'express';

import { VapiError } from '../../core/http/index.js';
import { EVIDENCE_FAULTS } from '../../host-agent/index.js';
import type { LabHost } from '../services/host.js';
import { faultList, scenarioList } from './listing.js';

/**
 * Attestation failures on the admin listener of a lab:
 *
 * - `GET /attestation/scenarios` the catalogue, as `kpsim attest faults` lists it
 * - `GET /attestation/faults` the evidence faults that a host can have
 * - `GET /attestation/hosts` which of them each host has
 * - `GET /attestation/hosts/{host}/faults`
 * - `POST /attestation/hosts/{host}/explain` attests once, and tells every step, PCR and event
 * - `PUT /attestation/hosts/{host}/faults/{fault}` injects one
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
    // Hosts without a TPM have no evidence that could be broken.
    const rows = hosts().map(async (host) => ({
      host: host.name,
      faults: host.hasTpm ? await host.evidenceFaults() : [],
    }));
    response.json(await Promise.all(rows));
  });
  app.get('/attestation/hosts/:host/faults', async (request, response) => {
    response.json({ faults: await hostOf(request).evidenceFaults() });
  });
  app.post('/attestation/hosts/:host/explain', async (request, response) => {
    response.json(await (await hostOf(request).client()).explainAttestation());
  });
  app.put('/attestation/hosts/:host/faults/:fault', async (request, response) => {
    const { fault } = request.params;
    const row = EVIDENCE_FAULTS.find(({ name }) => name === fault);
    if (!row) {
      throw new VapiError(
        'NOT_FOUND',
        'There is no such evidence fault; GET /attestation/faults lists them.',
      );
    }
    const host = hostOf(request);
    await host.injectEvidenceFault(fault);
    response.json({ faults: await host.evidenceFaults(), bites: row.bites });
  });
  app.delete('/attestation/hosts/:host/faults{/:fault}', async (request, response) => {
    const host = hostOf(request);
    await host.clearEvidenceFaults(request.params.fault);
    response.json({ faults: await host.evidenceFaults() });
  });
}
